import ArgumentParser
import Configuration
import Foundation

/// The program: one command a task.
@main
struct DGA: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dga",
    abstract: "Train a language model that learns, while it trains, which text to read.",
    discussion: """
      mpirun -np N dga train run.yaml    on N ranks; a single rank needs no mpirun

      Exit codes: 0 done, 64 usage, 65 bad data, 66 missing input, 70 internal, 73 cannot create output, 74 input/output, \
      75 preempted and resumable, 76 lost peer, 78 bad configuration, 79 diverged.
      """,
    version: "0.1.0",
    subcommands: [CorpusCommand.self, Train.self, Evaluate.self, PlotCommand.self, Export.self])

  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      FileHandle.standardError.write(Data("error: \(failure.message)\n".utf8))
      Foundation.exit(failure.kind.rawValue)
    } catch {
      exit(withError: error)
    }
  }
}
