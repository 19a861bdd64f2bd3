import Foundation

/// How a program ended and what it printed.
package struct Outcome {
  /// The exit code, or 128 and the signal that ended it; 124 if it took longer than two minutes.
  package let status: Int32
  /// What it printed on standard output.
  package let standardOutput: String
  /// What it printed on standard error.
  package let standardError: String

  /// Everything it printed, standard output first.
  package var output: String { standardOutput + standardError }

  /// The lines of the output that contain a text.
  package func lines(with text: String) -> [String] {
    output.split(separator: "\n").map(String.init).filter { $0.contains(text) }
  }
}

/// A program that was started and may still run.
package final class Program {
  private let process = Process()
  private let files = (
    output: NSTemporaryDirectory() + "output-" + UUID().uuidString,
    error: NSTemporaryDirectory() + "error-" + UUID().uuidString
  )

  /// Starts a program, found on the path unless it has one; it ends after two minutes at the latest.
  package init(_ command: [String]) throws {
    process.executableURL = URL(filePath: "/usr/bin/env")
    // Threads of tests block signals, and what they start would inherit that.
    process.arguments = ["--default-signal", "timeout", "--kill-after=5", "120"] + command
    // Tests may run as root, as in containers, which Open MPI wants to be told twice is meant.
    process.environment = ProcessInfo.processInfo.environment.merging(
      ["OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"]) { _, ours in ours }
    // Into files, not pipes: a program that prints much must not wait for somebody to read it.
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try Program.create(files.output)
    process.standardError = try Program.create(files.error)
    try process.run()
  }

  deinit {
    unlink(files.output)
    unlink(files.error)
  }

  private static func create(_ path: String) throws -> FileHandle {
    try Data().write(to: URL(filePath: path))
    return try FileHandle(forWritingTo: URL(filePath: path))
  }

  /// Whether it still runs.
  package var isRunning: Bool { process.isRunning }

  /// The program's own process, below the one that watches its time; nil before it is there.
  package var identifier: pid_t? { Program.children(of: process.processIdentifier).first }

  /// The processes that the program has started; for `mpirun`, the ranks.
  package var children: [pid_t] { identifier.map(Program.children) ?? [] }

  private static func children(of parent: pid_t) -> [pid_t] {
    let list = (try? String(contentsOfFile: "/proc/\(parent)/task/\(parent)/children", encoding: .ascii)) ?? ""
    return list.split(separator: " ").compactMap { pid_t($0) }
  }

  /// Waits until it ends.
  package func wait() throws -> Outcome {
    process.waitUntilExit()
    return Outcome(
      status: process.terminationStatus + (process.terminationReason == .uncaughtSignal ? 128 : 0),
      standardOutput: String(decoding: try Data(contentsOf: URL(filePath: files.output)), as: UTF8.self),
      standardError: String(decoding: try Data(contentsOf: URL(filePath: files.error)), as: UTF8.self))
  }
}

/// Runs a program until it ends.
package func run(_ command: [String]) throws -> Outcome { try Program(command).wait() }
