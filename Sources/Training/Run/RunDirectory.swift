import Checkpoints
import Failures
import Foundation
import Storage

/// The directory of one run: configuration, metrics, checkpoints and plots, held by a lock while the run is alive.
///
/// Only the root rank has one. A run begins where there is nothing, and goes on where a run's marker lies; what belongs
/// to somebody else is not touched. The lock dies with the process. A new directory in which no run gets as far as to
/// start disappears again.
final class RunDirectory {
  let path: String
  private let lock: FileLock
  /// The directories that were created, the outermost first.
  private let created: [String]
  /// Whether the lock's file was there before.
  private let hadLock: Bool
  private var isKept = false

  var configurationFile: String { path + "/config.yaml" }
  var metricsFile: String { path + "/metrics.jsonl" }
  var mixtureFile: String { path + "/mixture.json" }
  static func checkpoints(of path: String) -> String { path + "/checkpoints" }

  private static let marker = DirectoryMarker(
    .run, version: 1,
    files: [
      "config.yaml", "metrics.jsonl", "mixture.json", "lock", "checkpoints", "plots", DomainColumns.directoryName,
    ])

  /// Creates the directory, or takes hold of the one that is there.
  ///
  /// - Throws: `Failure`: `.cannotCreate` if it belongs to somebody else or to a live run, if it holds a run and
  ///   `resume` is false, or if it cannot be written; `.badData` if a newer dga has written it.
  init(at path: String, resume: Bool, report: (String) -> Void) throws {
    try Self.checkOwner(path)
    let created = try OutputDirectory.createDirectories(path)
    let file = path + "/lock"
    let hadLock = FileManager.default.fileExists(atPath: file)
    do {
      lock = try Self.takeLock(path, flags: O_CREAT | O_RDWR)
    } catch {
      for directory in created.reversed() { rmdir(directory) }
      throw error
    }
    (self.path, self.created, self.hadLock) = (path, created, hadLock)
    if let warning = lock.warning { report(warning) }
    try Self.checkBeginning(path, resume: resume)
    CheckpointStore(path: Self.checkpoints(of: path), keep: 1).removeUnfinished()
    for file in [configurationFile, mixtureFile, "\(path)/\(DirectoryMarker.Kind.run.fileName)"] {
      DurableFile.removeUnfinished(file)
    }
  }

  deinit {
    guard !isKept, !hadLock else { return }
    unlink(path + "/lock")
    guard !created.isEmpty else { return }
    unlink(configurationFile)
    unlink("\(path)/\(DirectoryMarker.Kind.run.fileName)")
    for directory in created.reversed() { rmdir(directory) }
  }

  /// Checks everything that taking hold of the directory checks, and touches nothing.
  ///
  /// - Throws: What the initializer throws.
  static func rehearse(at path: String, resume: Bool) throws {
    try checkOwner(path)
    var (missing, parent) = (path, path)
    while !FileManager.default.fileExists(atPath: parent) {
      missing = parent
      parent = URL(fileURLWithPath: parent).deletingLastPathComponent().path
    }
    var status = stat()
    let isDirectory = stat(parent, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    if !isDirectory || access(parent, W_OK | X_OK) != 0 {
      let reason = String(cString: strerror(isDirectory ? errno : ENOTDIR))
      throw parent == path
        ? unwritable(path, reason) : Failure(.cannotCreate, "The directory \(missing) cannot be created: \(reason).")
    }
    guard parent == path else { return }
    if FileManager.default.fileExists(atPath: path + "/lock") { _ = try takeLock(path, flags: O_RDONLY) }
    try checkBeginning(path, resume: resume)
  }

  private static func takeLock(_ path: String, flags: Int32) throws -> FileLock {
    let descriptor = open(path + "/lock", flags | O_NOFOLLOW | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw unwritable(path, String(cString: strerror(errno))) }
    guard let lock = FileLock(descriptor, of: path + "/lock") else {
      throw Failure(
        .cannotCreate,
        "The run directory \(path) belongs to a run that is still alive; wait for it or choose another `run`.")
    }
    return lock
  }

  private static func unwritable(_ path: String, _ reason: String) -> Failure {
    Failure(.cannotCreate, "The run directory \(path) cannot be written: \(reason).")
  }

  // MARK: Whose directory it is

  /// Checks that there is nothing, or a run of this program.
  private static func checkOwner(_ path: String) throws {
    if let marker = DirectoryMarker(.run, of: path) {
      return try marker.checkVersion(of: path, newest: Self.marker.version)
    }
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    let foreign = entries.sorted().first { !($0 == "lock" && isEmpty("\(path)/lock")) }
    guard let foreign, !isUnmarkedRun(path) else { return }
    throw Failure(
      .cannotCreate,
      "\(path) is not empty (it has \(foreign)) and not the directory of a run, so nothing is written there; choose "
        + "another `run`.")
  }

  /// Whether a directory without a marker was written by a dga that made none: the configuration has the keys that it
  /// always writes, and there is a checkpoint, or metrics of its kind.
  private static func isUnmarkedRun(_ path: String) -> Bool {
    guard let text = try? String(contentsOfFile: path + "/config.yaml", encoding: .utf8) else { return false }
    let keys = Set(text.split(separator: "\n").compactMap { $0.split(separator: ":").first.map(String.init) })
    guard keys.isSuperset(of: ["run", "corpus", "target", "mixture"]) else { return false }
    let checkpoints = checkpoints(of: path)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: checkpoints)) ?? []
    if names.contains(where: { DirectoryMarker(.checkpoint, of: "\(checkpoints)/\($0)") != nil }) { return true }
    guard let metrics = FileHandle(forReadingAtPath: path + "/metrics.jsonl") else { return false }
    let beginning = String(decoding: metrics.readData(ofLength: 1 << 12), as: UTF8.self)
    let kinds = ["step", "mixture", "evaluation", "domains", "event"]
    return beginning.isEmpty
      || beginning.hasPrefix("{") && kinds.contains { beginning.contains("\"kind\":\"\($0)\"") }
  }

  private static func isEmpty(_ file: String) -> Bool {
    var status = stat()
    return lstat(file, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_size == 0
  }

  /// Checks that a run that is not to go on would not begin where there is one already.
  private static func checkBeginning(_ path: String, resume: Bool) throws {
    let hasBegun =
      FileManager.default.fileExists(atPath: path + "/metrics.jsonl")
      || CheckpointStore(path: checkpoints(of: path), keep: 1).holdsCheckpoints
    guard resume || !hasBegun else {
      throw Failure(
        .cannotCreate, "\(path) already holds a run; continue it with --resume, or choose another `run`.")
    }
  }

  // MARK: Writing

  /// Marks the directory as that of a run.
  ///
  /// - Throws: `Failure` with the system's reason, such as a full disk.
  func mark() throws { try Self.marker.write(to: path) }

  /// Says that there is a run to keep, from now on.
  func keep() { isKept = true }

  /// Replaces a small file at once: a reader sees the old content or the new, whole.
  ///
  /// - Throws: `Failure(.inputOutput)` with the system's reason, such as a full disk.
  func write(_ text: String, to file: String) throws {
    do {
      try DurableFile.replace(file, with: Array(text.utf8))
    } catch let failure as Failure {
      throw Failure(.inputOutput, "\(failure.message) The last checkpoint is intact.")
    }
  }
}
