import Failures
import Foundation
import Storage

/// Tokenised documents grouped into domains, opened for reading: memory-mapped and immutable.
///
///     let corpus = try Corpus(at: "data/texts")
///     let tokens = try corpus.domains[0].train.tokens(0..<100)
///     print(try corpus.tokenizer.decode(tokens))
public final class Corpus: Sendable {
  /// The directory, as it was named.
  public let path: String

  /// What the corpus says of itself.
  public let manifest: Manifest

  /// The tokenizer that made the tokens.
  public let tokenizer: Tokenizer

  /// The domains in the order of the recipe, or of the tree.
  public let domains: DomainTable

  /// The tree whose leaves are the domains; nil without one.
  public let tree: ClusterTree?

  /// The targets in the order of the recipe.
  public let targets: [Target]

  /// The four parts' files.
  let parts: [Manifest.Part: TokenFile]

  /// The number of token ids; every id is below it.
  public var vocabularySize: Int { tokenizer.vocabularySize }

  /// Opens a corpus made by `dga corpus build` and checks that its files agree with each other.
  ///
  /// Tokens are mapped, not read: their checksums and ids are the matter of `verify()` and of every copy.
  ///
  /// - Throws: `Failure`: `.missingInput` if something does not exist, `.badData` with file and offset if something is
  ///   damaged or the tokenizer is another one.
  public convenience init(at path: String) throws {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue else {
      throw Failure(.missingInput, "There is no corpus directory \(path); 'dga corpus build' makes one.")
    }
    let manifestPath = path + "/" + Manifest.fileName
    guard FileManager.default.fileExists(atPath: manifestPath) else {
      throw Failure(.missingInput, "\(path) is not a corpus: it has no \(Manifest.fileName).")
    }
    let manifest = try Manifest(contentsOf: manifestPath)
    let tokenizer = try Tokenizer(manifest.tokenizer, in: path)
    try self.init(path: path, manifest, tokenizer) { try Corpus.open($0, of: manifest, at: path) }
  }

  /// Joins the files of a corpus and checks that they agree with each other.
  ///
  /// - Parameter open: Opens a file by its name.
  init(path: String, _ manifest: Manifest, _ tokenizer: Tokenizer, open: (String) throws -> MappedFile) throws {
    var parts: [Manifest.Part: TokenFile] = [:]
    for part in Manifest.Part.allCases {
      parts[part] = try TokenFile(
        data: open("\(part).bin"), index: open("\(part).idx"), vocabularySize: manifest.tokenizer.vocabularySize)
    }
    try Corpus.check(parts[.steering]!, manifest.extents(of: \.steering))
    try Corpus.check(parts[.evaluation]!, manifest.extents(of: \.evaluation))
    func slice(_ part: Manifest.Part, _ extent: Manifest.Extent) -> TokenSlice {
      let file = parts[part]!
      return TokenSlice(
        file, start: file.index.position(ofDocument: extent.firstDocument), tokenCount: extent.tokens,
        byteCount: extent.bytes, documents: extent.firstDocument..<extent.firstDocument + extent.documents)
    }
    self.path = path
    self.manifest = manifest
    self.parts = parts
    self.tokenizer = tokenizer
    domains = try DomainTable(
      count: manifest.domains, names: open(DomainTable.namesFile), table: open(DomainTable.tableFile),
      train: parts[.train]!, validation: parts[.validation]!)
    tree = try manifest.tree.map { try ClusterTree(levels: $0, file: open(ClusterTree.fileName)) }
    targets = manifest.targets.map {
      Target(name: $0.name, steering: slice(.steering, $0.steering), evaluation: slice(.evaluation, $0.evaluation))
    }
  }

  /// Checks the index of a part with targets' text against the manifest.
  private static func check(_ file: TokenFile, _ extents: [(owner: String, extent: Manifest.Extent)]) throws {
    let path = file.index.file.path
    var documents = 0
    for (owner, extent) in extents {
      let end = extent.firstDocument + extent.documents
      guard end <= file.index.documentCount else {
        throw Failure(
          .badData, "\(owner) ends with document \(end) of \(file.index.documentCount) in \(path).")
      }
      let tokens = file.index.position(ofDocument: end) - file.index.position(ofDocument: extent.firstDocument)
      guard tokens == extent.tokens else {
        throw Failure(
          .badData,
          "\(owner) has \(tokens) tokens in \(path), but \(extent.tokens) according to \(Manifest.fileName).")
      }
      documents = end
    }
    guard documents == file.index.documentCount else {
      throw Failure(
        .badData,
        "\(path) has \(file.index.documentCount) documents, but \(documents) according to \(Manifest.fileName).")
    }
  }

  private static func open(_ name: String, of manifest: Manifest, at path: String) throws -> MappedFile {
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

  /// Finds a target by its name.
  ///
  /// - Throws: `Failure(.badConfiguration)` that names the nearest target.
  public func target(named name: String, for key: String = "target") throws -> Target {
    guard let target = targets.first(where: { $0.name == name }) else {
      throw unknown("target", name, among: targets.map(\.name), for: key)
    }
    return target
  }

  /// Finds a domain by its name.
  ///
  /// - Throws: `Failure(.badConfiguration)` that names the nearest domain.
  public func domain(named name: String) throws -> Domain {
    guard let domain = domains.indices.first(where: { domains.name($0) == name }) else {
      // Among a million, the nearest name is no help.
      throw unknown("domain", name, among: domains.prefix(10_000).map(\.name))
    }
    return domains[domain]
  }

  private func unknown(_ kind: String, _ name: String, among names: [String], for key: String? = nil) -> Failure {
    var message = (key.map { "\($0): " } ?? "") + "The corpus \(path) has no \(kind) '\(name)'."
    if let nearest = Spelling.nearest(to: name, among: names) {
      message += " Did you mean '\(nearest)'?"
    } else if names.isEmpty {
      message += " It has no \(kind)s at all; add some to the recipe and build it again."
    } else {
      let some = names.prefix(20).map { "'\($0)'" }.joined(separator: ", ")
      message += " It has \(some)\(names.count > 20 ? " and \(names.count - 20) more" : "")."
    }
    return Failure(.badConfiguration, message)
  }
}

/// A source of training text: its tokens to train on and those held out.
public struct Domain: Sendable {
  /// The name in the recipe.
  public let name: String
  /// What is trained on.
  public let train: TokenSlice
  /// What is only ever evaluated.
  public let validation: TokenSlice
}

/// A task with few examples: those that steer the mixture and those that judge it.
public struct Target: Sendable {
  /// The name in the recipe.
  public let name: String
  /// What the mixture is aligned with; never evaluated.
  public let steering: TokenSlice
  /// What is only ever evaluated.
  public let evaluation: TokenSlice
}
