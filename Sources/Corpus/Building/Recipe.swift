import Configuration
import Foundation
import Printing
import Settings

/// What a corpus is made of: the configuration of `dga corpus build`.
///
///     tokenizer: {kind: sentencepiece, vocabulary: 4096}
///     validation: {share: 0.02}
///     domains:
///       perl: {paths: [texts/perl], include: ["*.pod"]}
///     targets:
///       git: {paths: [texts/git], steering: 50documents, evaluation: 200documents}
public struct Recipe {
  /// How text becomes tokens.
  enum TokenizerChoice {
    case bytes
    case file(String)
    case sentencePiece(vocabulary: Int, sampleBytes: Int)
  }

  /// A domain to be built.
  struct DomainPlan {
    let name: String
    let source: TextSource
    let limit: Quantity?
  }

  /// A target to be built; an absent amount takes what the other leaves.
  struct TargetPlan {
    let name: String
    let source: TextSource
    let steering: Quantity?
    let evaluation: Quantity?
  }

  /// What happens to a file or document that cannot be read.
  enum ErrorHandling: String, CaseIterable { case stop, skip }

  /// What happens to a text that was there before.
  enum Duplicates: String, CaseIterable { case drop, keep }

  let seed: Int
  let onError: ErrorHandling
  let duplicates: Duplicates
  let tokenizer: TokenizerChoice
  let validationShare: Double
  let domains: [DomainPlan]
  let targets: [TargetPlan]

  /// The sources of all targets and then of all domains, by whose places they are numbered.
  let sources: [TextSource]

  /// Reads a recipe; paths in it are relative to its directory.
  ///
  /// - Throws: `Failure`: `.missingInput` without the file, `.badConfiguration` with file and line of a fault.
  public init(contentsOf path: String, overrides: [String] = []) throws {
    let root = try Section(contentsOf: path, overrides: overrides)
    let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
    func located(_ path: String) -> String { path.hasPrefix("/") ? path : directory + "/" + path }

    tokenizer = try Recipe.tokenizer(try root.section("tokenizer"), located)
    validationShare = try root.section("validation").number("share", default: 0.02, in: 0.0001...0.5)
    seed = try root.integer("seed", default: 1, in: 0...Int.max)
    onError = try root.choice("on_error", default: .stop)
    duplicates = try root.choice("duplicates", default: .drop)
    domains = try root.entries("domains").map { name, section in
      try Recipe.checkName(name, section)
      let units: Set<Quantity.Unit> = [.documents, .bytes]
      let limit = section.contains("limit") ? try section.quantity("limit", units: units) : nil
      if let limit, limit.value == 0 { throw section.failure("limit", "A limit of nothing leaves an empty domain.") }
      return DomainPlan(
        name: name, source: try Recipe.source(section, "domain '\(name)'", located), limit: limit)
    }
    targets = try root.entries("targets").map { name, section in
      try Recipe.checkName(name, section)
      func amount(_ key: String) throws -> Quantity? {
        guard section.contains(key) else { return nil }
        let amount = try section.quantity(key, units: [.documents, .tokens])
        guard amount.value > 0 else { throw section.failure(key, "A target needs some documents here.") }
        return amount
      }
      return TargetPlan(
        name: name, source: try Recipe.source(section, "target '\(name)'", located),
        steering: try amount("steering"), evaluation: try amount("evaluation"))
    }
    sources = targets.map(\.source) + domains.map(\.source)
    guard !domains.isEmpty else { throw root.failure("domains", "A corpus needs at least one domain.") }
    try root.finish()
  }

  /// Names are printed as they are, so they may not move a terminal's cursor.
  private static func checkName(_ name: String, _ section: Section) throws {
    guard name.printable == name else {
      throw section.failure("paths", "The name '\(name.printable)' has control characters; choose another.")
    }
  }

  private static func tokenizer(_ section: Section, _ located: (String) -> String) throws -> TokenizerChoice {
    if let file = try section.optionalString("file") { return .file(located(file)) }
    /// The kinds that text can be turned into tokens with.
    enum Kind: String, CaseIterable { case bytes, sentencepiece }
    switch try section.choice("kind", default: Kind.sentencepiece) {
    case .bytes: return .bytes
    case .sentencepiece:
      // Below, the 256 bytes leave no room for pieces; above, training would take days.
      let vocabulary = try section.integer("vocabulary", default: 4096, in: 320...1_000_000)
      let sample = try section.quantity("sample", default: Quantity(4e6, .bytes), units: [.bytes])
      guard sample.value >= 1000 else { throw section.failure("sample", "At least 1000bytes are needed to train on.") }
      return .sentencePiece(vocabulary: vocabulary, sampleBytes: sample.count)
    }
  }

  private static func source(
    _ section: Section, _ owner: String, _ located: (String) -> String
  ) throws -> TextSource {
    let paths = try section.strings("paths").map(located)
    guard !paths.isEmpty else { throw section.failure("paths", "At least one file or directory is needed.") }
    let content: TextSource.Content =
      switch try section.optionalString("field") {
      case nil: .unstated
      case "none": .plain
      case let name?: .json(JSONField(name))
      }
    return TextSource(
      paths: paths, include: try section.strings("include", default: []), content: content, section: section,
      owner: owner)
  }
}
