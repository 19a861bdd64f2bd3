import Failures
import Foundation

/// A dga at work on one run of a study, in a process of its own that ends with this one.
final class StudyProcess {
  let run: StudyPlan.Run
  private let process = Process()
  private let log: FileHandle, output: FileHandle

  /// Starts dga with some arguments, under `mpirun` if there are several ranks.
  ///
  /// Called from the main thread only: a process whose parent's thread has ended is told to end, too.
  ///
  /// - Throws: `Failure`: `.cannotCreate` if log files cannot be written, `.missingInput` if a program is missing.
  init(_ run: StudyPlan.Run, _ arguments: [String], ranks: Int, isCrowded: Bool, in files: StudyFiles) throws {
    self.run = run
    log = try Self.open(files.log(of: run.name), O_APPEND)
    output = try Self.open(files.output(of: run.name), O_TRUNC)
    var command = ["/proc/self/exe"]
    if let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") { command = [own] }
    command += arguments
    if ranks > 1 {
      let crowding = isCrowded ? ["--oversubscribe", "--mca", "mpi_yield_when_idle", "1"] : []
      command = ["mpirun", "--quiet", "-np", "\(ranks)", "--use-hwthread-cpus", "--bind-to", "none"] + crowding + command
    }
    // The kernel tells the process to leave with a checkpoint when this one is gone, however it ended.
    if let setpriv = Self.find("setpriv") { command = [setpriv, "--pdeathsig", "TERM"] + command }
    guard let program = Self.find(command[0]) else {
      throw Failure(.missingInput, "The program \(command[0]) is not on the PATH.")
    }
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = Array(command.dropFirst())
    var environment = ProcessInfo.processInfo.environment
    if geteuid() == 0 {
      environment.merge(["OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"]) { own, _ in own }
    }
    process.environment = environment
    process.standardError = log
    process.standardOutput = output
    process.standardInput = FileHandle.nullDevice
    do { try process.run() } catch {
      throw Failure(.internalError, "\(program) does not start: \(error.localizedDescription)")
    }
  }

  private static func open(_ path: String, _ flag: Int32) throws -> FileHandle {
    let descriptor = Glibc.open(path, O_CREAT | O_WRONLY | O_CLOEXEC | flag, 0o644)
    guard descriptor >= 0 else {
      throw Failure(.cannotCreate, "\(path) cannot be written: \(String(cString: strerror(errno))).")
    }
    return FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
  }

  private static func find(_ program: String) -> String? {
    if program.contains("/") { return program }
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return path.split(separator: ":").map { "\($0)/\(program)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// The exit code, 128 and the signal's number if one ended it; nil while it is at work.
  var exitCode: Int? {
    guard !process.isRunning else { return nil }
    let status = Int(process.terminationStatus)
    return process.terminationReason == .uncaughtSignal ? 128 + status : status
  }

  /// Asks the run to write a checkpoint and leave.
  func stop() { kill(process.processIdentifier, SIGUSR1) }
}
