import Failures
import Foundation
import Printing
import Storage

/// What is in a checkpoint: name, size and checksum of every file, and the manifest's own checksum.
package struct CheckpointManifest: Codable {
  /// The versions of what is in a checkpoint: 1 had no file of the mixing method, 2 no checksum of the manifest, 3 all
  /// arrays of states as text.
  static let newest = 4, oldest = 2
  static var fileName: String { DirectoryMarker.Kind.checkpoint.fileName }

  var format = DirectoryMarker.Kind.checkpoint.rawValue
  var version = CheckpointManifest.newest
  var files: [String: FileRecord]
  var checksum: Checksum.Digest?

  init(files: [String: FileRecord]) { self.files = files }

  /// Writes the manifest of all files in a directory, and brings everything to disk.
  package static func seal(_ directory: String) throws {
    var manifest = CheckpointManifest(files: [:])
    for file in try FileManager.default.contentsOfDirectory(atPath: directory) where file != fileName {
      manifest.files[file] = try describe("\(directory)/\(file)")
      try DurableFile.flush("\(directory)/\(file)")
    }
    try DurableFile.replace("\(directory)/\(fileName)", with: manifest.encoded())
  }

  /// The text of the file, its own checksum included.
  private func encoded() throws -> Data {
    var sealed = self
    sealed.checksum = Checksum.digest(of: try JSON.pretty.data(sealed))
    return try JSON.pretty.data(sealed)
  }

  /// Refuses what another version of dga has written, whatever else its manifest says.
  ///
  /// - Throws: `Failure(.badData)` with both versions.
  static func checkVersion(of directory: String) throws {
    guard let marker = DirectoryMarker(.checkpoint, of: directory) else { return }
    try marker.checkVersion(of: directory, newest: newest)
    guard marker.version >= oldest else {
      throw Failure(
        .badData,
        "\(directory) was written by an older dga, whose checkpoints this one cannot go on from; start another `run`.")
    }
  }

  private init(of directory: String) throws {
    let path = "\(directory)/\(Self.fileName)"
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure(.missingInput, "\(directory) is no checkpoint: it has no \(Self.fileName).")
    }
    guard let manifest = try? JSON.pretty.decode(CheckpointManifest.self, from: data),
      manifest.format == DirectoryMarker.Kind.checkpoint.rawValue
    else { throw Failure(.badData, "\(path) is not the manifest of a checkpoint.") }
    // Version 2 had no checksum of its own.
    let isUnsealed = manifest.version == 2 && manifest.checksum == nil
    guard isUnsealed || (manifest.checksum != nil && manifest.checksum == OwnChecksum.computed(from: Array(data)))
    else {
      throw Failure(.badData, "\(path) has been changed: its own checksum differs.")
    }
    self = manifest
  }

  /// Checks a checkpoint's manifest, and size and checksum of every file.
  ///
  /// - Throws: `Failure`: `.missingInput` without a manifest, `.badData` that names the first file that differs, is
  ///   missing, or could be taken for one of the checkpoint's and is not in the manifest.
  package static func verify(_ directory: String) throws {
    try checkVersion(of: directory)
    let manifest = try CheckpointManifest(of: directory)
    for name in try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    where name != fileName && manifest.files[name] == nil && isRead(name) {
      throw Failure(.badData, "\(directory)/\(name) is not in the checkpoint's manifest.")
    }
    for (name, expected) in manifest.files.sorted(by: { $0.key < $1.key }) {
      let file = "\(directory)/\(name)"
      guard !name.contains("/"), FileManager.default.fileExists(atPath: file) else {
        throw Failure(.badData, "\(file) is missing.")
      }
      let found = try describe(file)
      guard found.bytes == expected.bytes else {
        throw Failure(.badData, "\(file) has \(found.bytes) bytes instead of \(expected.bytes).")
      }
      guard found.checksum == expected.checksum else {
        throw Failure(.badData, "\(file) has been changed: its checksum differs.")
      }
    }
  }

  /// The names of a checkpoint's files.
  ///
  /// - Throws: `Failure`: `.missingInput` without a manifest, `.badData` if it is damaged.
  package static func names(of directory: String) throws -> Set<String> {
    Set(try CheckpointManifest(of: directory).files.keys)
  }

  /// Whether readers of checkpoints open files with such a name.
  private static func isRead(_ name: String) -> Bool {
    ["safetensors", "json", "columns", "model"].contains { name.hasSuffix("." + $0) }
  }

  /// Size and checksum of a file.
  static func describe(_ file: String) throws -> FileRecord {
    let attributes = try FileManager.default.attributesOfItem(atPath: file)
    return FileRecord(bytes: attributes[.size] as? Int ?? 0, checksum: try Checksum.digest(ofFile: file))
  }
}
