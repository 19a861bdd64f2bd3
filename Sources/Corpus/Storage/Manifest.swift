import Failures
import Foundation
import Printing
import Storage

/// The description of a corpus, `manifest.json`: targets, tokenizer, checksums, and how many domains there are.
///
/// The domains themselves are in a ``DomainTable``, of which nobody has to read more than is asked for.
public struct Manifest: Codable, Equatable, Sendable {
  /// The value of `format` that tells a corpus from other JSON files.
  public static let format = "dga corpus"

  /// The version of the format that this program writes.
  public static let version = 2

  /// The name of the file in the corpus directory.
  static let fileName = "manifest.json"

  /// `dga corpus`.
  public var format = Manifest.format

  /// The version of the format.
  public var version = Manifest.version

  /// The seed of the split and of the order of documents.
  public var seed: Int

  /// The tokenizer that made the tokens.
  public var tokenizer: TokenizerRecord

  /// The number of domains.
  public var domains: Int

  /// The number of nodes on each level of the tree of domains, from the top down, of which the last are the domains;
  /// nil without a tree.
  public var tree: [Int]?

  /// How the domains came about, if they are clusters.
  public var clustering: ClusteringRecord?

  /// Targets in the order of the recipe.
  public var targets: [TargetRecord]

  /// Which part of the text to train on is in this directory; nil of a whole corpus.
  public var shard: ShardRecord?

  /// What was left out on the way.
  public var removed: Removed

  /// What was found in the text of domains and targets.
  public var findings: [Finding] = []

  /// Size and checksum of every other file of the corpus, by name.
  public var files: [String: FileRecord]

  /// The checksum of this manifest written without its checksum.
  public var checksum: Checksum.Digest?

  /// What a corpus remembers of its tokenizer.
  public struct TokenizerRecord: Codable, Equatable, Sendable {
    /// `bytes`, `sentencepiece` or `ids`.
    public var kind: String
    /// The number of token ids.
    public var vocabularySize: Int
    /// The id that closes a document.
    public var endOfDocument: Int
    /// The model's file in the corpus directory, if the tokenizer needs one.
    public var file: String?
    /// The tokenizer's hash, the same in corpora and checkpoints.
    public var hash: Checksum.Digest
  }

  /// Some consecutive documents of one part of the corpus.
  public struct Extent: Codable, Equatable, Sendable {
    /// The first document's number within the part.
    public var firstDocument: Int
    /// The number of documents.
    public var documents: Int
    /// The number of tokens.
    public var tokens: Int
    /// The number of UTF-8 bytes of text.
    public var bytes: Int

    /// Whether there can be such text: something, and so little (2^42 bytes) that sums over all targets are exact.
    fileprivate var isPossible: Bool {
      let most = 1 << 42
      return (1...most).contains(documents) && (1...most).contains(tokens) && (0...most).contains(bytes)
    }
  }

  /// One target.
  public struct TargetRecord: Codable, Equatable, Sendable {
    /// The name in the recipe.
    public var name: String
    /// Its documents in `steering`.
    public var steering: Extent
    /// Its documents in `evaluation`.
    public var evaluation: Extent
  }

  /// Counts of documents that are not in the corpus.
  public struct Removed: Codable, Equatable, Sendable {
    /// Documents whose text was there already.
    public var duplicates = 0
    /// Documents of domains that are also steering or evaluation documents of a target.
    public var targetDocuments = 0
    /// Documents without anything but white space.
    public var empty = 0
    /// Files that are not text.
    public var binary = 0
    /// Documents in which invalid UTF-8 was replaced by U+FFFD; these are kept.
    public var repaired = 0
  }

  /// A part of a corpus; the raw value is the name of its `.bin` and `.idx` files.
  package enum Part: String, CaseIterable, Codable, Sendable {
    case train, validation, steering, evaluation
  }

  /// What the two parts of targets hold, in order, with the owner's name.
  func extents(of part: KeyPath<TargetRecord, Extent>) -> [(owner: String, extent: Extent)] {
    targets.map { ("Target '\($0.name)'", $0[keyPath: part]) }
  }

  /// The names of all files of a corpus with this tokenizer, tree and clusters, but for the manifest.
  var fileNames: [String] {
    Part.allCases.flatMap { ["\($0).bin", "\($0).idx"] } + [DomainTable.namesFile, DomainTable.tableFile]
      + (tokenizer.file.map { [$0] } ?? []) + (tree == nil ? [] : [ClusterTree.fileName])
      + (clustering?.fileNames ?? [])
  }
}

// MARK: - Reading and writing

extension Manifest {
  /// Reads and checks a manifest on its own, without the files that it describes.
  ///
  /// - Throws: `Failure`: `.missingInput` without the file, `.badData` with the key of the first fault.
  init(contentsOf path: String) throws {
    let file = try MappedFile(path)
    // A decoder reads all of its input, whatever the size; findings and targets make some kilobytes.
    guard file.count <= 1 << 30 else {
      throw Failure(.badData, "\(path) is larger than 1 GiB; it is no manifest.")
    }
    let text = file.content
    do {
      self = try JSONDecoder().decode(Manifest.self, from: Data(text))
    } catch {
      try Manifest.checkVersion(path)
      throw Failure(.badData, "\(path): \(JSON.explanation(of: error))")
    }
    try validate(path)
    guard let checksum, OwnChecksum.computed(from: text) == checksum else {
      throw Failure(
        .badData, "\(path) was changed after the corpus was built: its own checksum is wrong. Build the corpus again.")
    }
  }

  /// Refuses a corpus that a newer or an older program has written, whatever else its manifest says.
  private static func checkVersion(_ path: String) throws {
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
    guard let marker = DirectoryMarker(.corpus, of: directory) else { return }
    try marker.checkVersion(of: directory, newest: version)
    guard marker.version == version else {
      throw Failure(
        .badData,
        "\(directory) is a corpus of format version \(marker.version), which an older dga has written; this one reads "
          + "version \(version). Build it again from its recipe, with --replace.")
    }
  }

  private func validate(_ path: String) throws {
    func bad(_ problem: String) -> Failure { Failure(.badData, "\(path): \(problem)") }
    guard format == Manifest.format else { throw bad("The format is '\(format)', not '\(Manifest.format)'.") }
    guard version == Manifest.version else {
      try Manifest.checkVersion(path)
      throw bad("The corpus has format version \(version), where \(Manifest.version) is known. Build it again.")
    }
    guard (1...Int(Int32.max)).contains(tokenizer.vocabularySize),
      (0..<tokenizer.vocabularySize).contains(tokenizer.endOfDocument)
    else { throw bad("The tokenizer's vocabulary size or end of document is impossible.") }
    guard tokenizer.file == nil || tokenizer.file == Tokenizer.modelFileName else {
      throw bad("The tokenizer's file has to be \(Tokenizer.modelFileName) in the corpus directory.")
    }
    guard domains > 0 else { throw bad("The corpus has no domains.") }
    // The domain of a window is an Int32.
    guard domains <= Int(Int32.max) else {
      throw bad("The corpus has \(domains) domains, where 2^31 - 1 are the most.")
    }
    if let tree { try ClusterTree.check(levels: tree, domains: domains, path) }
    if let shard, !shard.isPossible { throw bad("The record of the shard is impossible.") }
    if let clustering, tree == nil || !clustering.isPossible { throw bad("The record of clusters is impossible.") }
    var seen: Set<String> = []
    for name in targets.map(\.name) {
      guard !name.isEmpty, seen.insert(name).inserted else {
        throw bad("The target name '\(name.printable)' is empty or used twice.")
      }
      // Names are printed as they are.
      guard name.printable == name else { throw bad("The target name '\(name.printable)' has control characters.") }
    }
    for part in [\TargetRecord.steering, \TargetRecord.evaluation] {
      var next = 0
      for (owner, extent) in extents(of: part) {
        guard extent.firstDocument == next, extent.isPossible else {
          throw bad("\(owner) has impossible counts of steering or evaluation text.")
        }
        next += extent.documents
      }
    }
    // Counts are added up when they are shown.
    guard findings.allSatisfy({ (0...1 << 42).contains($0.count) }) else { throw bad("The findings are impossible.") }
    let expected = fileNames
    guard Set(files.keys) == Set(expected) else {
      throw bad("The files listed are not the \(expected.count) files of such a corpus.")
    }
  }

  /// The text of the file, its own checksum included.
  package func encoded() throws -> Data {
    var sealed = self
    sealed.checksum = nil
    sealed.checksum = Checksum.digest(of: try sealed.json())
    return try sealed.json()
  }

  private func json() throws -> Data { try JSON.pretty.data(self) + Data("\n".utf8) }
}
