import Foundation
import Testing

/// How a program ended and what it printed, standard error included.
struct Outcome {
  let status: Int32
  let output: String

  func lines(with text: String) -> [String] {
    output.split(separator: "\n").map(String.init).filter { $0.contains(text) }
  }
}

/// Runs a program until it ends, or for two minutes at most: then the status is 124.
func run(_ program: [String]) throws -> Outcome {
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/env")
  process.arguments = ["timeout", "--kill-after=5", "120"] + program
  // Tests may run as root, as in containers, which Open MPI wants to be told twice is meant.
  process.environment = ProcessInfo.processInfo.environment.merging(
    ["OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"]) { _, ours in ours }
  let output = Pipe()
  process.standardOutput = output
  process.standardError = output
  try process.run()
  let text = try output.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  return Outcome(status: process.terminationStatus, output: String(decoding: text, as: UTF8.self))
}

/// How many ranks a program is started with.
enum Launch: Sendable, CustomTestStringConvertible {
  case alone
  case mpirun(Int)

  var size: Int {
    switch self {
    case .alone: 1
    case .mpirun(let ranks): ranks
    }
  }

  var testDescription: String {
    switch self {
    case .alone: "without mpirun"
    case .mpirun(let ranks): "mpirun -np \(ranks)"
    }
  }
}

/// Where the build put the tests, the programs and the modules.
let buildDirectory = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

/// Runs `mpi-check` with the names of what it shall do.
func check(_ names: [String], _ launch: Launch) throws -> Outcome {
  let program = [buildDirectory.appending(path: "mpi-check").path] + names
  switch launch {
  case .alone:
    return try run(program)
  case .mpirun(let ranks):
    // More ranks than cores give way to each other only when told to.
    return try run(
      ["mpirun", "-np", "\(ranks)", "--oversubscribe", "--mca", "mpi_yield_when_idle", "1"] + program)
  }
}
