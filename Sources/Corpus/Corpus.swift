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

  /// Where its files are: the directory itself, or those of the shards that are here, in their order.
  let directories: [CorpusDirectory]

  /// What the corpus says of itself; if it is cut into shards, the manifest of the first one that is here.
  public let manifest: Manifest

  /// The directory with the files that are small: the corpus itself, or one of its shards.
  public var home: String { directories[0].path }

  /// The tokenizer that made the tokens.
  public let tokenizer: Tokenizer

  /// The domains in the order of the recipe, or of the tree.
  public let domains: DomainTable

  /// The tree whose leaves are the domains; nil without one.
  public let tree: ClusterTree?

  /// The targets in the order of the recipe.
  public let targets: [Target]

  /// The four parts' text.
  let parts: [Manifest.Part: TokenText]

  /// The number of token ids; every id is below it.
  public var vocabularySize: Int { tokenizer.vocabularySize }

  /// Opens a corpus made by `dga corpus build` and checks that its files agree with each other.
  ///
  /// Tokens are mapped, not read: their checksums and ids are the matter of `verify()` and of every copy.
  ///
  /// - Throws: `Failure`: `.missingInput` if something does not exist, `.badData` with file and offset if something is
  ///   damaged or the tokenizer is another one.
  public convenience init(at path: String) throws {
    let directories = try CorpusDirectory.all(at: path)
    try self.init(path: path, directories, Tokenizer(directories[0].manifest.tokenizer, in: directories[0].path))
  }

  /// Joins the files of a corpus and checks that they agree with each other.
  ///
  /// - Parameter directories: The whole corpus, or shards of it in their order, of which the first has all that is not
  ///   text to train on.
  init(path: String, _ directories: [CorpusDirectory], _ tokenizer: Tokenizer) throws {
    let home = directories[0]
    let (manifest, open) = (home.manifest, home.open)
    var parts: [Manifest.Part: TokenText] = [:]
    for part in Manifest.Part.allCases where part != .train { parts[part] = try TokenText(home.tokens(of: part)) }
    parts[.train] = try Self.train(of: directories, at: path)
    func slices(_ part: Manifest.Part, _ extent: KeyPath<Manifest.TargetRecord, Manifest.Extent>) throws -> [TokenSlice]
    {
      try Corpus.slices(of: parts[part]!, manifest.extents(of: extent))
    }
    let (steering, evaluation) = (try slices(.steering, \.steering), try slices(.evaluation, \.evaluation))
    self.path = path
    self.directories = directories
    self.manifest = manifest
    self.parts = parts
    self.tokenizer = tokenizer
    domains = try DomainTable(
      count: manifest.domains, names: open(DomainTable.namesFile), table: open(DomainTable.tableFile),
      train: parts[.train]!, validation: parts[.validation]!)
    tree = try manifest.tree.map { try ClusterTree(levels: $0, file: open(ClusterTree.fileName)) }
    targets = manifest.targets.indices.map {
      Target(name: manifest.targets[$0].name, steering: steering[$0], evaluation: evaluation[$0])
    }
  }

  /// Takes a corpus whose domains are others.
  ///
  /// - Precondition: They are not the leaves of its tree.
  init(_ corpus: Corpus, domains: DomainTable) {
    (path, directories, manifest) = (corpus.path, corpus.directories, corpus.manifest)
    (tokenizer, targets, parts) = (corpus.tokenizer, corpus.targets, corpus.parts)
    self.domains = domains
    tree = nil
  }

  /// The slices of a part with targets' text, whose index is checked against the manifest.
  private static func slices(
    of text: TokenText, _ extents: [(owner: String, extent: Manifest.Extent)]
  ) throws -> [TokenSlice] {
    let piece = text.pieces[0]
    let path = piece.file.index.file.path
    var slices: [TokenSlice] = []
    var documents = 0
    for (owner, extent) in extents {
      let end = extent.firstDocument + extent.documents
      guard end <= text.documentCount else {
        throw Failure(.badData, "\(owner) ends with document \(end) of \(text.documentCount) in \(path).")
      }
      let start = piece.position(ofDocument: extent.firstDocument)
      let tokens = piece.position(ofDocument: end) - start
      guard tokens == extent.tokens else {
        throw Failure(
          .badData,
          "\(owner) has \(tokens) tokens in \(path), but \(extent.tokens) according to \(Manifest.fileName).")
      }
      slices.append(
        TokenSlice(
          text, start: start, tokenCount: extent.tokens, byteCount: extent.bytes,
          documents: extent.firstDocument..<end))
      documents = end
    }
    guard documents == text.documentCount else {
      throw Failure(
        .badData,
        "\(path) has \(text.documentCount) documents, but \(documents) according to \(Manifest.fileName).")
    }
    return slices
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
