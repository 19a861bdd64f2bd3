import ArgumentParser
import Failures
import Foundation
import MPI
import Signals

/// The program: one command a task.
@main
struct DGA: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dga",
    abstract: "Train a language model that learns, while it trains, which text to read.",
    discussion: """
      mpirun -np N dga train run.yaml    on N ranks; a single rank needs no mpirun
      dga help configuration             every key of runs and recipes, its default and meaning

      Exit codes: 0 done, 64 usage, 65 bad data, 66 missing input, 70 internal, 73 cannot create output, 74 input/output, \
      75 preempted and resumable, 76 lost peer (reserved), 78 bad configuration, 79 diverged.
      """,
    version: "0.1.0",
    subcommands: [
      CorpusCommand.self, Train.self, Align.self, Evaluate.self, PlotCommand.self, Export.self, Benchmark.self,
    ])

  static func main() {
    StopSignal.install()
    if HelpConfiguration.isAskedFor(by: CommandLine.arguments.dropFirst()) { return HelpConfiguration.run() }
    do {
      var command = try parseAsRoot()
      if !(command is any Stoppable) { StopSignal.restore() }
      try command.run()
    } catch let failure as Failure {
      FileHandle.standardError.write(Data("error: \(failure.message)\n".utf8))
      Foundation.exit(failure.kind.rawValue)
    } catch {
      leave(because: error)
    }
  }

  /// Ends the program as its parser of arguments wants; under `mpirun`, where every rank meets the same error, one says
  /// it.
  private static func leave(because error: any Error) -> Never {
    let code = exitCode(for: error).rawValue
    let ranks = ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_SIZE"].flatMap { Int($0) } ?? 1
    // An exit code alone has been explained already, and MPI is over then.
    guard code != 0, ranks > 1, !(error is ExitCode) else { exit(withError: error) }
    Foundation.exit(
      MPI.run { world in
        let kind = Failure.Kind(rawValue: code) ?? .internalError
        try world.agree { throw Failure(kind, fullMessage(for: error)) }
        return code
      })
  }
}

/// A command that lasts: it looks between pieces of its work whether a signal has asked it to stop, and leaves in order.
protocol Stoppable: ParsableCommand {}
