import Corpus
import Failures
import Foundation
import Storage

/// The directory of one run: configuration, metrics, checkpoints and plots, held by a lock while the run is alive.
///
/// Only the root rank has one. The lock is `flock`'s: it dies with the process, however that ends. A new directory in
/// which no run gets as far as to start disappears again.
final class RunDirectory {
  let path: String
  private let lock: Int32
  /// The directories that were created, the outermost first.
  private let created: [String]
  private var isKept = false

  var configurationFile: String { path + "/config.yaml" }
  var metricsFile: String { path + "/metrics.jsonl" }
  var mixtureFile: String { path + "/mixture.json" }
  var checkpoints: String { path + "/checkpoints" }

  /// Whether the directory already holds a run.
  static func holdsRun(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path + "/metrics.jsonl") }

  /// Creates the directory, or takes hold of the one that is there.
  ///
  /// - Throws: `Failure(.cannotCreate)` if it belongs to a live run, if it holds a run and `resume` is false, or if it
  ///   cannot be written.
  init(at path: String, resume: Bool) throws {
    self.path = path
    created = try OutputDirectory.createDirectories(path)
    lock = open(path + "/lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o644)
    guard lock >= 0 else {
      throw Failure(.cannotCreate, "The run directory \(path) cannot be written: \(String(cString: strerror(errno))).")
    }
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      isKept = true
      throw Failure(
        .cannotCreate,
        "The run directory \(path) belongs to a run that is still alive; wait for it or choose another `run`.")
    }
    guard resume || !Self.holdsRun(path) else {
      throw Failure(
        .cannotCreate, "\(path) already holds a run; continue it with --resume, or choose another `run`.")
    }
  }

  deinit {
    if !isKept, !created.isEmpty {
      try? FileManager.default.removeItem(atPath: path)
      for directory in created.dropLast().reversed() { rmdir(directory) }
    }
    close(lock)
  }

  /// Says that there is a run to keep, from now on.
  func keep() { isKept = true }

  /// Replaces a small file at once: a reader sees the old content or the new, whole.
  ///
  /// - Throws: `Failure(.inputOutput)` with the system's reason, such as a full disk.
  func write(_ text: String, to file: String) throws {
    do {
      try Data(text.utf8).write(to: URL(fileURLWithPath: file), options: .atomic)
    } catch {
      throw Failure(.inputOutput, "\(file) cannot be written: \(Self.reason(error)). The last checkpoint is intact.")
    }
  }

  private static func reason(_ error: any Error) -> String {
    ((error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError)?.localizedDescription ?? error.localizedDescription
  }
}
