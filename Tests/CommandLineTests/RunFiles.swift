import Foundation

/// A line of `metrics.jsonl`, as far as tests look into it.
struct Metric: Decodable {
  let kind: String
  let step: Int
  /// Of a step.
  let loss: Double?
  let weights, raw_weights: [String: Double]?
  let target, generic: Double?
  let domains: [String: Double]?

  private enum Key: String, CodingKey { case kind, step, loss, weights, raw_weights, target, generic, domains }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    kind = try container.decode(String.self, forKey: .kind)
    step = try container.decode(Int.self, forKey: .step)
    loss = kind == "step" ? try container.decodeIfPresent(Double.self, forKey: .loss) : nil
    weights = try container.decodeIfPresent([String: Double].self, forKey: .weights)
    raw_weights = try container.decodeIfPresent([String: Double].self, forKey: .raw_weights)
    target = try container.decodeIfPresent(Double.self, forKey: .target)
    generic = try container.decodeIfPresent(Double.self, forKey: .generic)
    domains = try container.decodeIfPresent([String: Double].self, forKey: .domains)
  }

  /// Every loss in the line: of a step, or of an evaluation.
  var losses: [Double] {
    [loss, target, generic].compactMap { $0 } + (domains ?? [:]).sorted { $0.key < $1.key }.map(\.value)
  }
}

/// The file `mixture.json` of a run.
struct MixtureRecord: Decodable, Equatable {
  let weights, final: [String: Double]
}

extension Workshop {
  private func metricsLines(_ run: String) throws -> [Data] {
    try read("\(run)/metrics.jsonl").split(separator: UInt8(ascii: "\n"))
  }

  /// The lines of a run's `metrics.jsonl`.
  func metrics(_ run: String = "run") throws -> [Metric] {
    try metricsLines(run).map { try JSONDecoder().decode(Metric.self, from: $0) }
  }

  /// The same lines as texts, without everything that depends on time.
  func timelessMetrics(_ run: String = "run") throws -> [String] {
    try metricsLines(run).map { line in
      var record = try JSONSerialization.jsonObject(with: line) as? [String: Any] ?? [:]
      for key in ["seconds", "tokens_per_second", "flops_share", "overhead_share"] { record[key] = nil }
      return String(decoding: try JSONSerialization.data(withJSONObject: record, options: .sortedKeys), as: UTF8.self)
    }
  }

  func mixture(_ run: String = "run") throws -> MixtureRecord {
    try JSONDecoder().decode(MixtureRecord.self, from: read("\(run)/mixture.json"))
  }

  /// The names of a run's checkpoints and of whatever else is beside them, but for the pointer to the latest.
  func checkpoints(_ run: String = "run") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(run)/checkpoints").filter { $0 != "latest" }.sorted()
  }
}
