import Foundation

/// How many ranks a program is started with.
package enum Launch: Sendable, CustomStringConvertible {
  case alone
  case mpirun(Int)

  /// The number of ranks.
  package var size: Int {
    switch self {
    case .alone: 1
    case .mpirun(let ranks): ranks
    }
  }

  /// The name of a test's case.
  package var description: String {
    switch self {
    case .alone: "without mpirun"
    case .mpirun(let ranks): "mpirun -np \(ranks)"
    }
  }

  /// The command that starts a program of this package with these arguments.
  package func command(_ program: String, _ arguments: [String]) -> [String] {
    let program = [buildDirectory.appending(path: program).path] + arguments
    switch self {
    case .alone: return program
    case .mpirun(let ranks):
      return ["mpirun", "-np", "\(ranks)"]
        // More ranks than cores give way to each other only when told to.
        + ["--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1"]
        // Some containers forbid ranks to read each other's memory; Open MPI then complains about every message.
        + ["--mca", "btl_vader_single_copy_mechanism", "none"] + program
    }
  }
}

/// Where the build put the tests, the programs and the modules.
package let buildDirectory = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
