import Failures
import Foundation

/// What makes a directory ours: a file in it that says its kind, the version of its format, and the files that may be
/// replaced or removed.
///
/// Everything else in it belongs to somebody else and is neither replaced nor removed. Corpora and checkpoints have a
/// manifest, which is their marker; runs and directories of pictures have a hidden file. A directory of shards has
/// nothing but them, each with a marker of its own.
package struct DirectoryMarker: Equatable, Sendable {
  /// A kind of directory; the raw value is the word under `format`.
  package enum Kind: String, Sendable {
    case corpus = "dga corpus"
    case checkpoint = "dga checkpoint"
    case run = "dga run"
    case plots = "dga plots"

    /// The name of the marker's file.
    package var fileName: String {
      switch self {
      case .corpus, .checkpoint: "manifest.json"
      case .run, .plots: ".dga"
      }
    }

    /// The word for people.
    package var noun: String { rawValue.replacingOccurrences(of: "dga ", with: "") }
  }

  /// The kind of directory.
  package let kind: Kind
  /// The version of its format.
  package let version: Int
  /// The names of the files that may be replaced or removed, besides the marker's own.
  package let files: Set<String>
  /// The names of the shards that it consists of.
  private var shards: Set<String> = []

  package init(_ kind: Kind, version: Int, files: Set<String>) {
    (self.kind, self.version, self.files) = (kind, version, files)
  }

  /// Reads the marker of a directory, of any version; nil if it has none of this kind.
  package init?(_ kind: Kind, of directory: String) {
    if let content = Self.content(kind, of: directory) {
      self.init(kind, version: content.version, files: content.files.names)
      return
    }
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    let shards = entries.compactMap { name in
      Self.content(kind, of: "\(directory)/\(name)").flatMap { $0.shard == nil ? nil : (name, $0.version) }
    }
    guard !shards.isEmpty else { return nil }
    self.init(kind, version: shards.map(\.1).max()!, files: [])
    self.shards = Set(shards.map(\.0))
  }

  private static func content(_ kind: Kind, of directory: String) -> Content? {
    let path = "\(directory)/\(kind.fileName)"
    var status = stat()
    // Somebody else's file may be anything: a link, a pipe, or too large.
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= 1 << 30,
      let data = FileManager.default.contents(atPath: path),
      let content = try? JSONDecoder().decode(Content.self, from: data), content.format == kind.rawValue
    else { return nil }
    return content
  }

  /// Refuses a format that a newer program has written.
  ///
  /// - Parameter newest: The newest version that this program knows.
  /// - Throws: `Failure(.badData)` with both versions.
  package func checkVersion(of directory: String, newest: Int) throws {
    guard version > newest else { return }
    throw Failure(
      .badData,
      "\(directory) is a \(kind.noun) of format version \(version), which a newer dga has written; this one knows "
        + "versions up to \(newest). Nothing was changed.")
  }

  /// Writes the marker into a directory.
  ///
  /// - Throws: `Failure` with the system's reason.
  package func write(to directory: String) throws {
    let content = Content(format: kind.rawValue, version: version, files: Content.Names(names: files))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    try DurableFile.replace("\(directory)/\(kind.fileName)", with: encoder.encode(content) + Data("\n".utf8))
  }

  /// The first entry of a directory that is neither the marker nor a file of its; nil if there is none.
  package func foreignEntry(in directory: String) -> String? {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    let isOurs = { (name: String) in shards.isEmpty ? name == kind.fileName || files.contains(name) : false }
    for name in entries.sorted() where !isOurs(name) {
      guard shards.contains(name) else { return name }
      let shard = "\(directory)/\(name)"
      if let foreign = DirectoryMarker(kind, of: shard)?.foreignEntry(in: shard) { return "\(name)/\(foreign)" }
    }
    return nil
  }

  /// Removes a directory with the marker's files; if anything else is in it, that stays, and so does the directory.
  package func remove(_ directory: String) {
    for name in shards { DirectoryMarker(kind, of: "\(directory)/\(name)")?.remove("\(directory)/\(name)") }
    for name in files { unlink("\(directory)/\(name)") }
    unlink("\(directory)/\(kind.fileName)")
    rmdir(directory)
  }

  /// What all markers have in common; a manifest lists its files with what it knows of them.
  private struct Content: Codable {
    var format: String
    var version: Int
    var files: Names
    /// Present in a shard.
    var shard: Shard?

    struct Shard: Codable {}

    struct Names: Codable {
      var names: Set<String>

      init(names: Set<String>) { self.names = names }

      init(from decoder: any Decoder) throws {
        let all =
          try (try? decoder.singleValueContainer().decode([String].self))
          ?? decoder.container(keyedBy: Key.self).allKeys.map(\.stringValue)
        // A name that leads elsewhere is nobody's.
        names = Set(all.filter { !$0.isEmpty && !$0.contains("/") && $0 != "." && $0 != ".." })
      }

      func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(names.sorted())
      }
    }

    struct Key: CodingKey {
      let stringValue: String
      var intValue: Int? { nil }
      init?(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }
  }
}
