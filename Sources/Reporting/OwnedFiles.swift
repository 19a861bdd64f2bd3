import Failures
import Foundation
import Storage

/// The files in a directory of pictures or tables that are ours, so that they can be written again.
enum OwnedFiles {
  private static let version = 1

  /// Creates the directory if needed, and notes in it which files are ours from now on.
  ///
  /// - Throws: `Failure(.cannotCreate)` if there is a file with one of the names that is not ours; `.badData` if a
  ///   newer dga has written there.
  static func take(_ files: [String], in directory: String) throws {
    do {
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    } catch {
      throw Failure(.cannotCreate, "The directory \(directory) cannot be created: \(error.localizedDescription)")
    }
    let marker = DirectoryMarker(.plots, of: directory)
    try marker?.checkVersion(of: directory, newest: version)
    let ours = marker?.files ?? []
    for file in files where !ours.contains(file) && FileManager.default.fileExists(atPath: "\(directory)/\(file)") {
      throw Failure(
        .cannotCreate,
        "\(directory)/\(file) was not drawn by this program, so it is not replaced; move it elsewhere or choose "
          + "another directory.")
    }
    try DirectoryMarker(.plots, version: version, files: ours.union(files)).write(to: directory)
  }

  /// Removes our files that are not among the given ones, such as those of an earlier report.
  static func keep(only files: [String], in directory: String) throws {
    let stale = DirectoryMarker(.plots, of: directory)?.files.subtracting(files) ?? []
    for file in stale { unlink("\(directory)/\(file)") }
    try DirectoryMarker(.plots, version: version, files: Set(files)).write(to: directory)
  }

  /// Writes a file whole or not at all.
  ///
  /// - Throws: `Failure` with the system's reason.
  static func write(_ text: String, to path: String) throws {
    try DurableFile.replace(path, with: Data(text.utf8))
  }
}
