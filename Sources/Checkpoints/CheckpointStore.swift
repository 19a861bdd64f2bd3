import Corpus
import Failures
import Foundation
import Printing
import Storage

/// The checkpoints of a run: directories that are complete or invisible, and verified before they are used.
///
/// A checkpoint is written into a temporary directory, its manifest with a checksum of every file last, and renamed.
/// Each file and directory is flushed to disk before the step that relies on it.
package struct CheckpointStore {
  /// The directory that holds the checkpoints.
  package let path: String
  /// How many to keep, the newest.
  package let keep: Int

  package init(path: String, keep: Int) { (self.path, self.keep) = (path, keep) }

  /// The version of what is in a checkpoint; 1 had no file of the mixing method.
  static let version = 2

  /// What is in a checkpoint: name, size and checksum of every file.
  struct Manifest: Codable {
    var format = "dga checkpoint"
    var version = CheckpointStore.version
    var files: [String: FileRecord]

    func checkVersion(of directory: String) throws {
      guard version != CheckpointStore.version else { return }
      throw Failure(
        .badData,
        version < CheckpointStore.version
          ? "\(directory) was written by an older dga, whose checkpoints this one cannot go on from; start another `run`."
          : "\(directory) has format version \(version), which a newer dga has written.")
    }
  }

  /// Writes the checkpoint of a step: `body` writes its files into the directory that it is given.
  ///
  /// - Throws: `Failure(.inputOutput)` if anything cannot be written; earlier checkpoints are intact and nothing is
  ///   left behind.
  package func write(step: Int, _ body: (_ directory: String) throws -> Void) throws {
    let name = Self.name(of: step)
    let temporary = "\(path)/.\(name).partial"
    let files = FileManager.default
    do {
      try? files.removeItem(atPath: temporary)
      try files.createDirectory(atPath: temporary, withIntermediateDirectories: true)
      try body(temporary)
      var manifest = Manifest(files: [:])
      for file in try files.contentsOfDirectory(atPath: temporary) {
        manifest.files[file] = try Self.describe("\(temporary)/\(file)")
        try Self.flush("\(temporary)/\(file)")
      }
      try JSON.pretty.data(manifest).write(to: URL(fileURLWithPath: "\(temporary)/manifest.json"))
      try Self.flush("\(temporary)/manifest.json")
      try Self.flush(temporary)
      // A checkpoint of this step can only be a damaged one that was passed over, or the same bits.
      try? files.removeItem(atPath: "\(path)/\(name)")
      guard rename(temporary, "\(path)/\(name)") == 0 else { throw Self.systemFailure("renaming \(temporary)") }
      try Self.flush(path)
      try Data((name + "\n").utf8).write(to: URL(fileURLWithPath: "\(path)/latest"), options: .atomic)
    } catch {
      try? files.removeItem(atPath: temporary)
      throw (error as? Failure)
        ?? Failure(
          .inputOutput,
          "The checkpoint \(path)/\(name) cannot be written: \(error.localizedDescription) Earlier checkpoints are intact."
        )
    }
    for old in names().dropFirst(keep) { try? files.removeItem(atPath: "\(path)/\(old)") }
  }

  /// Finds the newest checkpoint that is whole; damaged ones are renamed out of the way and named in `report`.
  ///
  /// - Returns: Its directory, or nil if there is none.
  /// - Throws: `Failure(.badData)` if the newest was written by another version of dga; it stays untouched.
  package func newest(report: (String) -> Void) throws -> String? {
    // What a run was writing when it was killed is of no use to anybody.
    for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    where name.hasPrefix(".step-") && name.hasSuffix(".partial") {
      try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
    }
    for name in names() {
      let directory = "\(path)/\(name)"
      if let manifest = try? Self.manifest(of: directory) { try manifest.checkVersion(of: directory) }
      do {
        try Self.verify(directory)
        return directory
      } catch {
        let reason = (error as? Failure)?.message ?? error.localizedDescription
        report("The checkpoint \(directory) is damaged and kept aside as \(name).damaged: \(reason)")
        try? FileManager.default.removeItem(atPath: directory + ".damaged")
        rename(directory, directory + ".damaged")
      }
    }
    return nil
  }

  private static func manifest(of directory: String) throws -> Manifest {
    guard let data = FileManager.default.contents(atPath: directory + "/manifest.json") else {
      throw Failure(.missingInput, "\(directory) is no checkpoint: it has no manifest.json.")
    }
    guard let manifest = try? JSON.pretty.decode(Manifest.self, from: data),
      manifest.format == Manifest(files: [:]).format
    else { throw Failure(.badData, "\(directory)/manifest.json is not the manifest of a checkpoint.") }
    return manifest
  }

  /// Checks size and checksum of every file of a checkpoint.
  ///
  /// - Throws: `Failure`: `.missingInput` without a manifest, `.badData` that names the first file that differs.
  package static func verify(_ directory: String) throws {
    let manifest = try manifest(of: directory)
    try manifest.checkVersion(of: directory)
    for (name, expected) in manifest.files.sorted(by: { $0.key < $1.key }) {
      let file = "\(directory)/\(name)"
      guard FileManager.default.fileExists(atPath: file) else { throw Failure(.badData, "\(file) is missing.") }
      let found = try describe(file)
      guard found.bytes == expected.bytes else {
        throw Failure(.badData, "\(file) has \(found.bytes) bytes instead of \(expected.bytes).")
      }
      guard found.checksum == expected.checksum else {
        throw Failure(.badData, "\(file) has been changed: its checksum differs.")
      }
    }
  }

  /// The names of all checkpoints, the newest first.
  private func names() -> [String] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return all.filter { $0.hasPrefix("step-") && $0.dropFirst(5).allSatisfy(\.isNumber) }.sorted(by: >)
  }

  private static func name(of step: Int) -> String { "step-" + String(format: "%08d", step) }

  private static func describe(_ file: String) throws -> FileRecord {
    let attributes = try FileManager.default.attributesOfItem(atPath: file)
    return FileRecord(bytes: attributes[.size] as? Int ?? 0, checksum: try Checksum.digest(ofFile: file))
  }

  private static func flush(_ file: String) throws {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw systemFailure("opening \(file)") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw systemFailure("flushing \(file)") }
  }

  private static func systemFailure(_ what: String) -> Failure {
    Failure(
      .inputOutput,
      "The checkpoint cannot be written: \(what): \(String(cString: strerror(errno))). Earlier checkpoints are intact.")
  }
}
