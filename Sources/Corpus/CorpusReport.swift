import Foundation
import Printing

/// What a corpus holds, as a table for people and as JSON for programs.
public struct CorpusReport: Codable, Equatable, Sendable {
  /// What one domain holds.
  public struct DomainRow: Codable, Equatable, Sendable {
    /// The domain's name.
    public let name: String
    /// Documents to train on and held out.
    public let documents: Int, validationDocuments: Int
    /// Tokens to train on and held out.
    public let tokens: Int, validationTokens: Int
    /// UTF-8 bytes of the text to train on.
    public let bytes: Int
    /// The domain's part of all training tokens: its weight in the natural mixture.
    public let share: Double
    /// How often the domain is read if the budget is spent in equal parts, if a budget was given.
    public let epochs: Double?
  }

  /// What one target holds.
  public struct TargetRow: Codable, Equatable, Sendable {
    /// The target's name.
    public let name: String
    /// Documents that steer and that are evaluated.
    public let steeringDocuments: Int, evaluationDocuments: Int
    /// Tokens that steer and that are evaluated.
    public let steeringTokens: Int, evaluationTokens: Int
  }

  /// The corpus directory.
  public let path: String
  /// The kind of the tokenizer, `bytes` or `sentencepiece`.
  public let tokenizer: String
  /// The number of token ids.
  public let vocabularySize: Int
  /// The tokenizer's hash.
  public let tokenizerHash: String
  /// The domains in the order of the recipe.
  public let domains: [DomainRow]
  /// The targets in the order of the recipe.
  public let targets: [TargetRow]
  /// All training tokens.
  public let tokens: Int
  /// UTF-8 bytes of all text to train on.
  public let bytes: Int
  /// Tokens of the budget, if one was given.
  public let budget: Int?
  /// How often the corpus is read if the budget is spent in proportion to the domains' sizes.
  public let naturalEpochs: Double?
  /// What was left out when the corpus was built.
  public let removed: Manifest.Removed
  /// What was found in the text of domains and targets.
  public let findings: [Manifest.Finding]
  /// The cut into shards, and which of them are here; nil of a whole corpus.
  public let shards: Corpus.Shards?
  /// What is known of the domains if they are clusters, and has been read.
  public var clusters: [ClusterRecord]?
}

extension Corpus {
  /// Describes the corpus, and how often a budget of tokens would read each domain.
  ///
  /// - Parameters:
  ///   - budget: tokens trained on in all: steps x sequences x context.
  ///   - context: tokens of a window; what does not fill a window of its domain is never read. Nil counts every token.
  public func report(budget: Int? = nil, context: Int? = nil) -> CorpusReport {
    let all = domains.reduce(0) { $0 + $1.train.tokenCount }
    func readable(_ slice: TokenSlice) -> Int {
      guard let context else { return slice.tokenCount }
      return max(0, (slice.tokenCount - 1) / context) * context
    }
    let rows = domains.map { domain in
      CorpusReport.DomainRow(
        name: domain.name, documents: domain.train.documentCount, validationDocuments: domain.validation.documentCount,
        tokens: domain.train.tokenCount, validationTokens: domain.validation.tokenCount, bytes: domain.train.byteCount,
        share: Double(domain.train.tokenCount) / Double(all),
        epochs: budget.flatMap { budget in
          // A domain too short for a window has no epochs to speak of.
          let tokens = readable(domain.train)
          return tokens > 0 ? Double(budget) / Double(domains.count) / Double(tokens) : nil
        })
    }
    let allReadable = domains.reduce(0) { $0 + readable($1.train) }
    return CorpusReport(
      path: path, tokenizer: tokenizer.kind.rawValue, vocabularySize: vocabularySize,
      tokenizerHash: tokenizer.hash.description, domains: rows,
      targets: targets.map {
        CorpusReport.TargetRow(
          name: $0.name, steeringDocuments: $0.steering.documentCount, evaluationDocuments: $0.evaluation.documentCount,
          steeringTokens: $0.steering.tokenCount, evaluationTokens: $0.evaluation.tokenCount)
      },
      tokens: all, bytes: domains.reduce(0) { $0 + $1.train.byteCount }, budget: budget,
      naturalEpochs: budget.flatMap { allReadable > 0 ? Double($0) / Double(allReadable) : nil },
      removed: manifest.removed, findings: manifest.findings, shards: shards)
  }
}

extension CorpusReport {
  /// The report as aligned columns.
  public var table: String {
    var lines = ["\(path): \(tokenizer) tokenizer, vocabulary \(vocabularySize), hash \(tokenizerHash)"]
    if let shards {
      lines.append(
        "Text to train on is here of \(shards.description): \(CorpusReport.grouped(shards.presentTokens)) tokens.")
    }
    lines.append("")
    lines +=
      clusters.map { CorpusReport.lines(of: $0, domains, hasEpochs: budget != nil) } ?? domainLines
    if let budget {
      lines += [
        "",
        "Epochs are those of a budget of \(CorpusReport.grouped(budget)) tokens: of a domain if all domains get the "
          + "same, of all if each gets its share.",
      ]
    }
    return (lines + otherLines).joined(separator: "\n")
  }

  /// The domains in their order, and all together.
  private var domainLines: [String] {
    var header = ["domain", "documents", "tokens", "bytes", "bytes/token", "share", "held out"]
    if budget != nil { header.append("epochs") }
    var table = TextTable(header)
    for row in domains {
      let numbers = [row.documents, row.tokens, row.bytes].map(CorpusReport.grouped)
      let ratios = [Double(row.bytes) / Double(row.tokens), 100 * row.share].map { CorpusReport.decimal($0) }
      table.append(
        [row.name] + numbers + [ratios[0], ratios[1] + " %", CorpusReport.grouped(row.validationTokens)]
          + (budget == nil ? [] : [row.epochs.map { CorpusReport.decimal($0) } ?? "too short"]))
    }
    let documents = domains.reduce(0) { $0 + $1.documents }
    let heldOut = domains.reduce(0) { $0 + $1.validationTokens }
    table.append(
      ["all"] + [documents, tokens, bytes].map(CorpusReport.grouped)
        + [CorpusReport.decimal(Double(bytes) / Double(tokens)), "100.00 %", CorpusReport.grouped(heldOut)]
        + (budget == nil ? [] : [naturalEpochs.map { CorpusReport.decimal($0) } ?? "too short"]))
    return table.lines
  }

  /// The targets, and what was left out.
  private var otherLines: [String] {
    var lines: [String] = []
    if !targets.isEmpty {
      var table = TextTable(["target", "steering", "tokens", "evaluation", "tokens"])
      for row in targets {
        let numbers = [row.steeringDocuments, row.steeringTokens, row.evaluationDocuments, row.evaluationTokens]
        table.append([row.name] + numbers.map(CorpusReport.grouped))
      }
      lines += [""] + table.lines
    }
    lines += [
      "",
      "Left out: \(Words.count(removed.duplicates, "duplicate")), \(Words.count(removed.targetDocuments, "document")) "
        + "of targets, \(removed.empty) empty, \(Words.count(removed.binary, "file")) not of text; invalid text in "
        + "\(Words.count(removed.repaired, "document")).",
    ]
    return lines + CorpusReport.lines(of: findings)
  }

  /// A line for each kind of finding; where it is about a share of a domain's text, one for each domain.
  private static func lines(of findings: [Manifest.Finding]) -> [String] {
    var lines: [String] = []
    var sums: [Manifest.Finding] = []
    for finding in findings {
      if finding.share != nil {
        lines.append("  \(finding.owner): \(finding.words)")
      } else if let place = sums.firstIndex(where: { $0.kind == finding.kind }) {
        sums[place].count += finding.count
      } else {
        sums.append(finding)
      }
    }
    return (sums.map { "  \($0.words)" } + lines).map(\.printable)
  }

  static func grouped(_ number: Int) -> String {
    var digits = Array(String(number))
    for place in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert(",", at: place) }
    return String(digits)
  }

  static func decimal(_ number: Double) -> String { String(format: "%.2f", number) }
}
