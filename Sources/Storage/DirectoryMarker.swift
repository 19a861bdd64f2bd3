import Failures
import Foundation

/// What makes a directory ours: a file in it that says its kind, the version of its format, and the files that may be
/// replaced or removed.
///
/// Everything else in it belongs to somebody else and is neither replaced nor removed. Corpora and checkpoints have a
/// manifest, which is their marker; runs and directories of pictures have a hidden file.
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

  package init(_ kind: Kind, version: Int, files: Set<String>) {
    (self.kind, self.version, self.files) = (kind, version, files)
  }

  /// Reads the marker of a directory, of any version; nil if it has none of this kind.
  package init?(_ kind: Kind, of directory: String) {
    let path = "\(directory)/\(kind.fileName)"
    var status = stat()
    // Somebody else's file may be anything: a link, a pipe, or too large.
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size <= 1 << 30,
      let data = FileManager.default.contents(atPath: path),
      let content = try? JSONDecoder().decode(Content.self, from: data), content.format == kind.rawValue
    else { return nil }
    self.init(kind, version: content.version, files: content.files.names)
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
    return entries.sorted().first { $0 != kind.fileName && !files.contains($0) }
  }

  /// Removes a directory with the marker's files; if anything else is in it, that stays, and so does the directory.
  package func remove(_ directory: String) {
    for name in files { unlink("\(directory)/\(name)") }
    unlink("\(directory)/\(kind.fileName)")
    rmdir(directory)
  }

  /// What all markers have in common; a manifest lists its files with what it knows of them.
  private struct Content: Codable {
    var format: String
    var version: Int
    var files: Names

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
