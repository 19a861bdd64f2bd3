import Configuration
import Failures
import Foundation

/// A run as its directory tells it: what was configured, and the evaluations and weights of `metrics.jsonl`.
public struct RunRecord: Sendable {
  /// One evaluation; losses are nats per token.
  public struct Evaluation: Decodable, Sendable {
    /// The step after which it was made; nil in made-up records.
    public let step: Int?
    /// Training tokens until then.
    public let tokens: Int
    /// Tokens read until then to measure domains and target; nil in runs of an older dga.
    public let probeTokens: Int?
    /// The loss on the target's evaluation part.
    public let target: Double
    /// The mean loss over the domains' validation parts, or over a sample of their text if there are many.
    public let generic: Double
    /// The target's loss in bits for each byte of its text.
    public let bitsPerByte: Double

    private enum CodingKeys: String, CodingKey {
      case step, tokens, target, generic
      case probeTokens = "probe_tokens"
      case bitsPerByte = "bits_per_byte"
    }
  }

  /// The weights that a run starts with, or goes on with on another corpus.
  public struct Start: Decodable, Sendable {
    /// Training tokens until then.
    public let tokens: Int
    /// The number of domains of the corpus.
    public let domainCount: Int
    /// The weights of domains, by name; of many domains the largest.
    public let weights: [String: Double]
    /// The weights of the branches of a tree of domains, by name; nil without a level that has few of them.
    public let branches: [String: Double]?

    private enum CodingKeys: String, CodingKey {
      case tokens, weights, branches
      case domainCount = "domain_count"
    }
  }

  /// The weights that domains were drawn with from some point on.
  public struct Mixture: Decodable, Sendable {
    /// Training tokens until then.
    public let tokens: Int
    /// Tokens read until then to measure domains and target.
    public let probeTokens: Int?
    /// The weights of domains, by name; of many domains those with the largest and those that moved most.
    public let weights: [String: Double]
    /// The weights of the branches of a tree of domains, by name; nil without a level that has few of them.
    public let branches: [String: Double]?
    /// The alignment of every domain with the target and its standard error, by name; nil where nothing is known.
    public let alignment, standardError: [String: Double?]?
    /// The target's own alignment, and the share of the variance of alignments that is signal.
    public let targetAlignment, reliability: Double?

    private enum CodingKeys: String, CodingKey {
      case tokens, weights, branches, alignment, reliability
      case probeTokens = "probe_tokens"
      case standardError = "standard_error"
      case targetAlignment = "target_alignment"
    }
  }

  /// What each domain got since the record before, by name.
  public struct Domains: Decodable, Sendable {
    /// The training loss in nats per token; nil if the domain was not read.
    public let loss: [String: Double?]
    /// Shares of the sequences: what the weights asked for, and what was drawn.
    public let requested, achieved: [String: Double]
    /// How often each domain has been read until then.
    public let epochs: [String: Double]
    /// Training tokens of all domains until then.
    public let tokens: Int

    private enum CodingKeys: String, CodingKey {
      case loss, tokens, epochs
      case total = "total_tokens"
      case requested = "share_requested"
      case achieved = "share_achieved"
    }

    /// Reads a record.
    public init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      loss = try container.decode([String: Double?].self, forKey: .loss)
      requested = try container.decode([String: Double].self, forKey: .requested)
      achieved = try container.decode([String: Double].self, forKey: .achieved)
      epochs = try container.decodeIfPresent([String: Double].self, forKey: .epochs) ?? [:]
      if let total = try container.decodeIfPresent(Int.self, forKey: .total) {
        tokens = total
        return
      }
      tokens = try container.decode([String: Int].self, forKey: .tokens).values.reduce(0) { sum, count in
        let (sum, overflow) = sum.addingReportingOverflow(count)
        guard !overflow else {
          throw DecodingError.dataCorruptedError(forKey: .tokens, in: container, debugDescription: "too many tokens")
        }
        return sum
      }
    }
  }

  /// Where the time of all steps went, in seconds.
  public struct Time: Sendable {
    /// Of everything, evaluations and checkpoints excepted.
    public internal(set) var total = 0.0
    /// Of measuring domains and target.
    public internal(set) var alignment = 0.0

    /// The share of measuring.
    public var overheadShare: Double { total > 0 ? alignment / total : 0 }
  }

  private struct Step: Decodable {
    struct Seconds: Decodable { let total, alignment: Double }
    let seconds: Seconds?
  }

  /// The run directory as it was given.
  public let path: String
  /// The mixing method, and its preset if that is the paper's.
  public let method: String
  /// The target's name.
  public let target: String
  /// The seed.
  public let seed: Int
  /// The configuration without run directory and seed: equal for runs that differ in nothing else.
  public let settings: String
  /// The evaluations in order; never empty.
  public let evaluations: [Evaluation]
  /// What the run started with, and what it went on with on each further corpus; none in runs of an older dga.
  public let starts: [Start]
  /// The updates of the mixture in order; none for weights that stand still.
  public let mixtures: [Mixture]
  /// What the domains got, in order; none in runs of an older dga.
  public let domains: [Domains]
  /// The time of the steps.
  public let time: Time

  /// The word of `mixture.preset` for the paper's own settings.
  private static let paperPreset = "paper"

  /// The name of the run directory.
  public var name: String { URL(fileURLWithPath: path).lastPathComponent }

  /// Reads `config.yaml` and `metrics.jsonl` of a run directory.
  ///
  /// A last line that is cut off, as a crash or a live run leaves it, is passed over; unknown kinds and keys are too.
  ///
  /// - Throws: `Failure`: `.missingInput` if a file is missing or there is no evaluation yet, `.badData` for a damaged
  ///   line.
  public init(at path: String) throws {
    self.path = path
    let configuration = path + "/config.yaml"
    guard let text = FileManager.default.contents(atPath: configuration) else {
      throw Failure(.missingInput, "\(path) is no run directory: there is no readable \(configuration).")
    }
    let root = try Section(contentsOf: configuration)
    let mixture = try root.section("mixture")
    let isPaper = try mixture.optionalString("preset") == Self.paperPreset
    method = try mixture.string("method") + (isPaper && mixture.string("method") == "dga" ? " (paper)" : "")
    target = try root.string("target")
    seed = try root.integer("seed")
    settings = String(decoding: text, as: UTF8.self).split(separator: "\n")
      .filter { !$0.hasPrefix("run:") && !$0.hasPrefix("seed:") }.joined(separator: "\n")

    let file = path + "/metrics.jsonl"
    guard let metrics = FileManager.default.contents(atPath: file) else {
      throw Failure(.missingInput, "The run \(path) has no readable metrics.jsonl; has it started?")
    }
    let lines = try Lines(metrics, file)
    (evaluations, mixtures, domains) = (lines.evaluations, lines.mixtures, lines.domains)
    (starts, time) = (lines.starts, lines.time)
    guard !evaluations.isEmpty else {
      throw Failure(.missingInput, "The run \(path) has not been evaluated yet, so there is nothing to show.")
    }
  }

  /// The tokens that were read until an evaluation to measure domains and target.
  func probeTokens(at evaluation: Evaluation) -> Int {
    evaluation.probeTokens ?? mixtures.last { $0.tokens <= evaluation.tokens }?.probeTokens ?? 0
  }

  /// The records of `metrics.jsonl`.
  private struct Lines {
    var evaluations: [Evaluation] = []
    var mixtures: [Mixture] = []
    var domains: [Domains] = []
    var starts: [Start] = []
    var time = Time()

    private struct Line: Decodable { let kind: String }

    init(_ metrics: Data, _ file: String) throws {
      let decoder = JSONDecoder()
      let lines = metrics.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      for (index, line) in lines.enumerated() where !line.isEmpty {
        do {
          try read(line, of: decoder.decode(Line.self, from: line).kind, decoder)
        } catch {
          // Only what follows the last line feed can be half written.
          if index == lines.count - 1 { break }
          throw Failure(
            .badData, "\(file), line \(index + 1), is damaged or lacks what records of its kind have; remove the line.")
        }
      }
    }

    private mutating func read(_ line: Data, of kind: String, _ decoder: JSONDecoder) throws {
      switch kind {
      case "evaluation": evaluations.append(try decoder.decode(Evaluation.self, from: line))
      case "mixture": mixtures.append(try decoder.decode(Mixture.self, from: line))
      case "start": starts.append(try decoder.decode(Start.self, from: line))
      case "domains": domains.append(try decoder.decode(Domains.self, from: line))
      case "step":
        guard let seconds = try decoder.decode(Step.self, from: line).seconds else { break }
        time.total += seconds.total
        time.alignment += seconds.alignment
      default: break
      }
    }
  }
}
