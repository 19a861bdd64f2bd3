internal import CMPI
import Glibc
import Printing

/// The frame of a program that runs under `mpirun`, or alone as a world of one rank.
///
///     exit(MPI.run { world in
///       let sum = try world.allReduce(world.rank, .sum)
///       return 0
///     })
public enum MPI {
  /// Initialises MPI, runs `body` on every rank, leaves MPI, and returns the exit code of this process.
  ///
  /// MPI is finalized after success, and after a failure that every rank knows of (see `Communicator.agree(_:)`): its
  /// message is reported by one rank, its exit code returned by all. After any other failure the others may be waiting
  /// inside a collective for this rank, so it reports and aborts the whole job with the failure's exit code.
  ///
  /// An exit code other than zero that `body` returns must be the same on every rank. Errors that are not `ExitCoded`
  /// are described by themselves and exit with 70.
  ///
  /// - Parameter report: writes the message of a failure; by default a line on standard error.
  /// - Precondition: called once in a process, from the thread that makes every later call to MPI.
  public static func run(
    reportingFailuresTo report: (String) -> Void = writeLineToStandardError,
    _ body: (borrowing Communicator) throws -> Int32
  ) -> Int32 {
    do {
      shareMemoryWithoutNames()
      var threadLevel: CInt = 0
      try check("MPI_Init_thread", MPI_Init_thread(nil, nil, CInt(MPI_THREAD_FUNNELED), &threadLevel))
      let world = try Communicator(predefined: MPI_COMM_WORLD)
      let exitCode = exitCode(of: body, on: world, report)
      try check("MPI_Finalize", MPI_Finalize())
      return exitCode
    } catch {
      abort(because: error, report)
    }
  }

  /// The name and version of the MPI library, on one line.
  public static var libraryVersion: String {
    let text = string(atMost: MPI_MAX_LIBRARY_VERSION_STRING, MPI_Get_library_version) ?? "an unknown MPI library"
    // What follows the first comma or line is about how the library was built.
    return String(text.prefix { $0 != "," && !$0.isNewline })
  }

  /// Writes one line to standard error in one piece, so that lines of several ranks do not mix.
  public static func writeLineToStandardError(_ message: String) {
    Console.note(message)
  }

  /// Asks Open MPI for shared memory that has no name, System V's, so that none outlives a job that is killed.
  ///
  /// What the environment has prevails. The hint is `mpirun`'s own choice, which no priority of a rank would change;
  /// without it every component is tried, and the trial of `posix` makes a file for a moment.
  private static func shareMemoryWithoutNames() {
    setenv("OMPI_MCA_shmem", "^posix", 0)
    setenv("OMPI_MCA_shmem_sysv_priority", "100", 0)
    unsetenv("OMPI_MCA_shmem_RUNTIME_QUERY_hint")
  }

  /// Returns the exit code of `body`, or of the failure that every rank of the world leaves with.
  private static func exitCode(
    of body: (borrowing Communicator) throws -> Int32, on world: borrowing Communicator, _ report: (String) -> Void
  ) -> Int32 {
    do {
      return try body(world)
    } catch {
      let failure = ExitStatus(of: error)
      let agreed = error as? AgreedFailure
      // A failure that was never agreed is known to one rank, which in a world of one is everybody.
      guard agreed?.informedRanks ?? 1 == world.size else {
        let message = "rank \(world.rank): \(failure.message)"
        abort(because: ExitStatus(exitCode: failure.exitCode, message: message), report)
      }
      if agreed?.isOurs ?? true { report(failure.message) }
      return failure.exitCode
    }
  }

  /// Reports the failure and ends every process of the job with its exit code.
  private static func abort(because error: any Error, _ report: (String) -> Void) -> Never {
    let failure = ExitStatus(of: error)
    report(failure.message)
    _ = MPI_Abort(MPI_COMM_WORLD, failure.exitCode)
    exit(failure.exitCode)
  }
}
