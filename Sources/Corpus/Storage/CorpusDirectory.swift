import Failures
import Foundation
import Storage

/// A directory with files of a corpus: all of them, or those of a shard.
struct CorpusDirectory: Sendable {
  let path: String
  let manifest: Manifest
  /// Opens a file by its name.
  let open: @Sendable (String) throws -> MappedFile

  init(path: String, _ manifest: Manifest, open: @escaping @Sendable (String) throws -> MappedFile) {
    (self.path, self.manifest, self.open) = (path, manifest, open)
  }

  /// Reads the manifest of a directory.
  init(at path: String) throws {
    let manifest = try Manifest(contentsOf: "\(path)/\(Manifest.fileName)")
    self.init(path: path, manifest) { name in
      let file = try MappedFile("\(path)/\(name)")
      let expected = manifest.files[name]?.bytes ?? 0
      guard file.count == expected else {
        throw Failure(
          .badData,
          "\(path)/\(name) has \(file.count) bytes, but \(expected) according to \(Manifest.fileName); it is truncated "
            + "or belongs to another corpus.")
      }
      return file
    }
  }

  /// Opens the tokens of a part.
  func tokens(of part: Manifest.Part) throws -> TokenFile {
    try TokenFile(
      data: open("\(part).bin"), index: open("\(part).idx"), vocabularySize: manifest.tokenizer.vocabularySize)
  }

  /// Finds what a path has of a corpus: the whole in itself, a shard in itself, or shards in directories below it; in
  /// the order of shards.
  ///
  /// - Throws: `Failure`: `.missingInput` if there is nothing, `.badData` if a manifest is damaged or shards do not go
  ///   together.
  static func all(at path: String) throws -> [CorpusDirectory] {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue else {
      throw Failure(.missingInput, "There is no corpus directory \(path); 'dga corpus build' makes one.")
    }
    if isCorpus(path) { return [try CorpusDirectory(at: path)] }
    let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    let paths = names.filter { $0.hasPrefix(Corpus.shardPrefix) }.map { "\(path)/\($0)" }.filter(isCorpus)
    guard !paths.isEmpty else {
      throw Failure(
        .missingInput,
        "\(path) is not a corpus: it has no \(Manifest.fileName), nor a directory \(Corpus.shardName(0)) or the like "
          + "with one.")
    }
    let shards = try paths.map { try CorpusDirectory(at: $0) }
    try check(shards)
    return shards.sorted { $0.manifest.shard!.index < $1.manifest.shard!.index }
  }

  private static func isCorpus(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(path)/\(Manifest.fileName)")
  }

  /// Checks that shards are of one corpus, cut in one way, and each of them once.
  private static func check(_ shards: [CorpusDirectory]) throws {
    var first: (path: String, record: Manifest.ShardRecord)?
    var paths: [Int: String] = [:]
    for shard in shards {
      guard let record = shard.manifest.shard else {
        throw Failure(.badData, "\(shard.path) is a whole corpus among shards; move it elsewhere.")
      }
      let (path, one) = first ?? (shard.path, record)
      first = (path, one)
      guard record.corpus == one.corpus, record.tokenEnds == one.tokenEnds else {
        throw Failure(
          .badData,
          "\(shard.path) is a shard of another corpus than \(path), or of the same one cut in another way; shards of "
            + "one build go together.")
      }
      if let other = paths.updateValue(shard.path, forKey: record.index) {
        throw Failure(.badData, "\(shard.path) and \(other) are the same shard; remove one of them.")
      }
    }
  }
}
