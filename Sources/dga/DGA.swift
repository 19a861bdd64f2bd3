import ArgumentParser
import Failures
import Foundation
import Printing
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

      Exit codes: 0 done, 64 usage, 65 bad data, 66 missing input, 70 internal, 73 cannot create output, 74 \
      input/output, 75 preempted and resumable, 76 lost, stuck or damaged peer, 78 bad configuration, 79 diverged.
      """,
    version: "0.1.0",
    subcommands: [
      CorpusCommand.self, Cluster.self, Train.self, Align.self, Evaluate.self, Generate.self, StudyCommand.self,
      PlotCommand.self, ReportCommand.self, Export.self, Benchmark.self,
    ])

  static func main() {
    Console.prepare()
    StopSignal.install()
    do {
      if HelpConfiguration.isAskedFor(by: CommandLine.arguments.dropFirst()) { return try HelpConfiguration.run() }
      var command = try parseAsRoot()
      if !(command is any Stoppable) { StopSignal.restore() }
      try command.run()
    } catch {
      leave(because: error)
    }
  }

  /// Ends the program; under `mpirun`, where every rank meets the same error, one says it.
  private static func leave(because error: any Error) -> Never {
    // An exit code alone has been explained already, and MPI is over then.
    if let code = error as? ExitCode { exit(code.rawValue) }
    let failure = failure(of: error)
    let ranks = ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_SIZE"].flatMap { Int($0) } ?? 1
    guard let failure, ranks > 1 else {
      exit(failure.map(report) ?? 0)
    }
    exit(Ranks.exitCode { world in try world.agree { throw failure } })
  }

  private static func exit(_ code: Int32) -> Never {
    // The trainer of a tokenizer may still be at work on its thread, and has to find its library as it was.
    if code == Failure.Kind.preempted.rawValue { _exit(code) }
    Foundation.exit(code)
  }

  private static func report(_ failure: Failure) -> Int32 {
    Console.note("error: \(failure.message)")
    return failure.kind.rawValue
  }

  /// The failure that an error is; nil if it was a wish for help, which has been met.
  private static func failure(of error: any Error) -> Failure? {
    if let failure = error as? Failure { return failure }
    switch exitCode(for: error) {
    case .success:
      do {
        try Console.print(fullMessage(for: error))
        return nil
      } catch {
        return error as? Failure
      }
    case .validationFailure:
      return Failure(.usage, UsageMessage(message(for: error), arguments: CommandLine.arguments.dropFirst()).text)
    default: return Failure(.internalError, message(for: error))
    }
  }
}

/// A command that lasts: it looks between pieces of its work whether a signal has asked it to stop, and leaves in
/// order.
protocol Stoppable: ParsableCommand {}
