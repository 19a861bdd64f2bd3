import Failures
import Foundation

/// A dga at work on one run of a study, in a process of its own that ends with this one.
final class StudyProcess {
  let run: StudyPlan.Run
  private let process = Process()
  private let log: FileHandle, output: FileHandle

  private let logPath: String
  /// The length of the log before the run.
  private let logStart: UInt64

  /// Starts dga with some arguments, under `mpirun` if there are several ranks.
  ///
  /// Called from the main thread only: a process whose parent's thread has ended is told to end, too.
  ///
  /// - Throws: `Failure`: `.cannotCreate` if log files cannot be written, `.missingInput` if a program is missing.
  init(_ run: StudyPlan.Run, _ arguments: [String], ranks: Int, isCrowded: Bool, in files: StudyFiles) throws {
    self.run = run
    logPath = files.log(of: run.name)
    log = try Self.open(logPath, O_APPEND)
    output = try Self.open(files.output(of: run.name), O_TRUNC)
    logStart = (try? log.seekToEnd()) ?? 0
    let command = Self.command(arguments, ranks: ranks, isCrowded: isCrowded)
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

  private static func command(_ arguments: [String], ranks: Int, isCrowded: Bool) -> [String] {
    // This very program, also when another one has been built in its place meanwhile.
    var command = ["/proc/\(getpid())/exe"] + arguments
    if ranks > 1 {
      let crowding = isCrowded ? ["--oversubscribe", "--mca", "mpi_yield_when_idle", "1"] : []
      command =
        ["mpirun", "--quiet", "-np", "\(ranks)", "--use-hwthread-cpus", "--bind-to", "none"] + crowding + command
    }
    // When this process is gone, however it ended, the kernel asks the run to leave with a checkpoint.
    guard let setpriv = find("setpriv") else { return command }
    return [setpriv, "--pdeathsig", "USR1"] + command
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

  /// What the run said last of an error; nil if it said nothing.
  var lastError: String? {
    guard let data = FileManager.default.contents(atPath: logPath)?.dropFirst(Int(logStart)) else { return nil }
    let line = String(decoding: data, as: UTF8.self).split(separator: "\n").last { $0.hasPrefix("error: ") }
    return line.map { String($0.dropFirst("error: ".count)) }
  }

  /// Asks the run to write a checkpoint and leave; asked again, it makes no difference.
  func stop() { kill(process.processIdentifier, SIGUSR1) }
}
