import ArgumentParser
import Liveness
import MPI
import Printing
import Runs
import Training

/// The ranks that `mpirun` has started, or this process alone.
enum Ranks {
  /// Runs a body on every rank; one reports what it fails with, and all leave with the same exit code.
  static func exitCode(of body: (borrowing Communicator) throws -> Void) -> Int32 {
    MPI.run(reportingFailuresTo: { Console.note("error: " + $0) }) { world in
      try body(world)
      return 0
    }
  }

  /// Runs a command on every rank.
  ///
  /// - Throws: `ExitCode`, in any case.
  static func run(_ body: (borrowing Communicator) throws -> Void) throws { throw ExitCode(exitCode(of: body)) }

  /// Runs a command on every rank, and ends the job if a rank is lost or stuck.
  ///
  /// - Parameters:
  ///   - description: The run, which may say how long ranks wait for each other at the start.
  ///   - policy: What the watchdog goes by until it is told otherwise.
  /// - Throws: `ExitCode`, in any case.
  static func run(
    expecting description: RunDescription? = nil, watchedBy policy: Watchdog.Policy,
    _ body: (borrowing Communicator, Watchdog?) throws -> Void
  ) throws {
    Watchdog.expectWorld(of: description)
    try run { world in
      let watchdog = try Watchdog.started(over: world)
      defer { watchdog?.stop() }
      watchdog?.setPolicy { $0 = policy }
      try body(world, watchdog)
    }
  }
}

extension Watchdog.Policy {
  /// For work whose parts may take any time, such as training a tokenizer while all other ranks wait.
  ///
  /// - Parameter remedy: What a person can do after the job has ended.
  static func patient(remedy: String) -> Self {
    var policy = Self()
    (policy.patience, policy.remedy) = (.infinity, remedy)
    return policy
  }
}
