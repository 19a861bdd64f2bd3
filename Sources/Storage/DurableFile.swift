import Failures
import Foundation

/// Files that are replaced at once: whoever reads one sees the old content or the new, whole, even after a crash.
///
/// The new content is written beside the file under a name of ours, brought to disk and renamed. A symbolic link in the
/// file's place is replaced, not followed.
package enum DurableFile {
  /// What the name of a file ends with while it is written.
  private static let suffix = ".dga-writing"

  private static func temporary(_ path: String) -> String {
    let url = URL(fileURLWithPath: path)
    return url.deletingLastPathComponent().path + "/." + url.lastPathComponent + suffix
  }

  /// Replaces or creates a file.
  ///
  /// - Throws: `Failure(.cannotCreate)` or `.inputOutput` with the system's reason; the file is then as it was.
  package static func replace(_ path: String, with bytes: some Collection<UInt8>) throws {
    try put(path) { temporary in
      var file = try OutputFile(temporary, isNew: true)
      try file.write(Array(bytes))
      _ = try file.finish()
    }
  }

  /// Creates a file under a name that is free, when it is complete.
  ///
  /// - Parameter write: Writes the whole file under the name that it is given.
  /// - Throws: `Failure(.cannotCreate)` if there is anything of that name, before anything is written; what `write`
  ///   throws. Then nothing is created.
  package static func create(_ path: String, _ write: (_ temporary: String) throws -> Void) throws {
    try checkIsFree(path)
    try put(path) { temporary in
      try write(temporary)
      // Somebody may have put something there in the meantime.
      try checkIsFree(path)
    }
  }

  /// Refuses a name that is taken, be it by a link that leads nowhere.
  private static func checkIsFree(_ path: String) throws {
    var status = stat()
    guard lstat(path, &status) != 0 else {
      throw Failure(.cannotCreate, "\(path) exists already, so it is not replaced; choose another output.")
    }
  }

  /// Lets a file appear in its place once it is written under another name.
  private static func put(_ path: String, _ write: (_ temporary: String) throws -> Void) throws {
    let temporary = temporary(path)
    unlink(temporary)
    do {
      try write(temporary)
      guard rename(temporary, path) == 0 else {
        throw Failure(.inputOutput, "\(path) cannot be written: \(String(cString: strerror(errno))).")
      }
      try flush(URL(fileURLWithPath: path).deletingLastPathComponent().path)
    } catch let failure as Failure {
      unlink(temporary)
      // People know the file by its own name.
      throw Failure(failure.kind, failure.message.replacingOccurrences(of: temporary, with: path))
    }
  }

  /// Removes what a killed process was writing in the place of a file.
  package static func removeUnfinished(_ path: String) { unlink(temporary(path)) }

  /// Brings a file or a directory to disk.
  ///
  /// - Throws: `Failure(.inputOutput)` with the system's reason.
  package static func flush(_ path: String) throws {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    defer { if descriptor >= 0 { close(descriptor) } }
    guard descriptor >= 0, fsync(descriptor) == 0 else {
      throw Failure(.inputOutput, "\(path) cannot be brought to disk: \(String(cString: strerror(errno))).")
    }
  }
}
