import Failures
import Foundation
import Printing
import Reporting

/// The figures of a run, from the JSON that a command ends with.
enum StudyResults {
  /// Numbers of a training run that say nothing about what it has learned.
  private static let left = ["steps", "tokens_per_second", "flops_share", "overhead_share"]

  /// Reads what a command has printed: the numbers of an object, or of an evaluation's parts the loss on each target
  /// and the mean over domains.
  ///
  /// - Parameter upstream: Tokens that the runs cost which this one builds on.
  /// - Throws: `Failure(.badData)` if that is no such JSON.
  static func read(_ file: String, upstream: Double) throws -> [String: Double] {
    let data = FileManager.default.contents(atPath: file) ?? Data()
    if let object = try? JSONDecoder().decode(Numbers.self, from: data) {
      var results = object.values.filter { $0.value.isFinite }
      for name in left { results[name] = nil }
      if let tokens = results["tokens"], results["target_loss"] != nil {
        results["cost_tokens"] = tokens + (results["probe_tokens"] ?? 0) + upstream
      }
      return results
    }
    if let parts = try? JSONDecoder().decode([Part].self, from: data) {
      let domains = parts.filter { $0.kind == "domain" }.map(\.loss.nats)
      var results = Dictionary(
        parts.filter { $0.kind == "target" }.map { ("loss on \($0.name)", $0.loss.nats) }
      ) { first, _ in first }
      if !domains.isEmpty { results["generic_loss"] = domains.reduce(0, +) / Double(domains.count) }
      return results
    }
    throw Failure(.badData, "\(file) is not the JSON that the command is to end with.")
  }

  /// The numbers of a JSON object; what else is in it does not matter.
  private struct Numbers: Decodable {
    var values: [String: Double] = [:]

    private struct Key: CodingKey {
      let stringValue: String
      var intValue: Int? { nil }
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Key.self)
      for key in container.allKeys { values[key.stringValue] = try? container.decode(Double.self, forKey: key) }
    }
  }

  /// The loss on a part of a corpus.
  private struct Part: Decodable {
    struct Loss: Decodable { let nats: Double }
    let kind, name: String
    let loss: Loss
  }

  /// The tokens that some runs cost, and those that they build on, each counted once.
  static func cost(of names: [String], in record: StudyRecord) -> Double {
    var seen: Set<String> = []
    func cost(_ name: String) -> Double {
      guard seen.insert(name).inserted, let run = record.runs.first(where: { $0.name == name }) else { return 0 }
      let own = (run.results["tokens"] ?? 0) + (run.results["probe_tokens"] ?? 0)
      return run.buildsOn.reduce(own) { $0 + cost($1) }
    }
    return names.reduce(0) { $0 + cost($1) }
  }

  /// The most important figures in a few words.
  static func summary(_ results: [String: Double]) -> String {
    let shown = ["target_loss": "target", "generic_loss": "generic", "accuracy": "accuracy"]
    return shown.sorted { $0.value > $1.value }.compactMap { key, word in
      results[key].map { "\(word) \(String(format: "%.3f", $0))" }
    }.joined(separator: ", ")
  }
}
