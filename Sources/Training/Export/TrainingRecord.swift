import Foundation
import Printing
import Runs

/// What the directory of a run tells about one of its checkpoints: the corpus, the mixture and the losses until then.
///
/// Everything may be missing, as it is of a checkpoint that was copied elsewhere.
struct TrainingRecord {
  /// The name of the run's directory.
  let run: String?
  /// The name of the corpus' directory.
  private(set) var corpus: String?
  /// The last evaluation.
  private(set) var evaluation: Evaluation?
  /// What each domain got.
  private(set) var domains: Domains?
  /// The weights of the domains in the end, and their average, by name.
  private(set) var weights: [String: Double]?, averages: [String: Double]?

  /// A record of `metrics.jsonl`; losses are nats per token.
  struct Evaluation: Decodable {
    let step: Int
    let target, generic, bits_per_byte: Double
    let domains: [String: Double]
  }

  /// A record of `metrics.jsonl`.
  struct Domains: Decodable {
    /// Read so far.
    let tokens: [String: Int]
    /// How often the domain has been read so far.
    let epochs: [String: Double]
  }

  /// Reads what there is around a checkpoint, up to where the run was when it was written.
  init(of checkpoint: String, _ state: RunState) {
    let url = URL(fileURLWithPath: checkpoint).standardizedFileURL
    let directory = url.deletingLastPathComponent().deletingLastPathComponent()
    guard url.deletingLastPathComponent().lastPathComponent == "checkpoints",
      let metrics = try? Data(contentsOf: directory.appending(path: "metrics.jsonl"))
    else {
      run = nil
      return
    }
    run = directory.lastPathComponent
    let configuration = try? RunDescription(contentsOf: directory.appending(path: "config.yaml").path)
    corpus = configuration.map { URL(fileURLWithPath: $0.corpus).lastPathComponent }
    read(metrics.prefix(state.metricsOffset))

    // The file is that of a run's end, perhaps not this checkpoint's.
    let file = try? Data(contentsOf: directory.appending(path: "mixture.json"))
    if let mixture = file.flatMap({ try? JSON.pretty.decode(MixtureFile.self, from: $0) }),
      mixture.final.values.sorted() == state.mixture.weights.values.sorted()
    {
      (weights, averages) = (mixture.final, mixture.weights)
    }
  }

  private mutating func read(_ metrics: Data) {
    struct Line: Decodable {
      let kind: String
      let weights: [String: Double]?
    }
    for line in metrics.split(separator: UInt8(ascii: "\n")) {
      guard let head = try? JSON.line.decode(Line.self, from: line) else { continue }
      switch head.kind {
      case "evaluation": evaluation = (try? JSON.line.decode(Evaluation.self, from: line)) ?? evaluation
      case "domains": domains = (try? JSON.line.decode(Domains.self, from: line)) ?? domains
      case "mixture": weights = head.weights ?? weights
      default: break
      }
    }
  }
}
