import Foundation
import Printing

/// The last evaluations of runs side by side, and what they say about the methods.
public struct RunComparison: Sendable {
  /// The domains that are named for a run, at most.
  private static let leaders = 4

  /// One run.
  public struct Row: Sendable {
    /// The mixing method, or the run's name where one method comes with several settings.
    public let label: String
    /// The seed.
    public let seed: Int
    /// The last evaluation.
    public let last: RunRecord.Evaluation
    /// The domains with the largest weights at the end, largest first; none if the weights never moved.
    public let leaders: [(name: String, weight: Double)]
  }

  /// One row per run; those that differ in their seeds only stand together.
  public let rows: [Row]

  /// Sentences that compare every method with uniform sampling, as far as the difference between seeds allows.
  public let findings: [String]

  private let target: String

  /// Tabulates runs.
  public init(_ runs: [RunRecord]) {
    let groups = RunGroup.groups(of: runs)
    rows = groups.flatMap { group in
      group.runs.map { run in
        let weights = run.mixtures.last?.weights ?? [:]
        let ranked = weights.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return Row(
          label: group.label == run.method ? group.label : run.name, seed: run.seed,
          last: run.evaluations[run.evaluations.count - 1],
          leaders: ranked.prefix(Self.leaders).map { (name: $0.key, weight: $0.value) })
      }
    }
    let targets = Set(runs.map(\.target))
    target = targets.sorted().joined(separator: ", ")
    if targets.count > 1 {
      findings = ["The runs have different targets (\(target)): their losses cannot be compared."]
    } else {
      findings = Self.compare(groups, rows.map(\.last.tokens))
    }
  }

  private static func compare(_ groups: [RunGroup], _ tokens: [Int]) -> [String] {
    guard tokens.count > 1 else { return [] }
    let (least, most) = (tokens.min()!, tokens.max()!)
    // A step more or less is no other budget; a percent is.
    if Double(most - least) > 0.01 * Double(most) {
      return ["The runs have seen between \(least) and \(most) tokens: no comparison at equal budgets is possible."]
    }
    guard groups.count > 1, let uniform = groups.first(where: { $0.runs[0].method == "uniform" }) else { return [] }
    return groups.filter { $0.runs[0].settings != uniform.runs[0].settings }.map { group in
      let gain = uniform.target - group.target
      let outcome =
        "On the target \(group.label) ends at \(decimal(group.target)), uniform at \(decimal(uniform.target)) nats "
        + "per token: "
      let noise = max(group.spread, uniform.spread)
      guard group.runs.count > 1 && uniform.runs.count > 1 else {
        return outcome + "\(gain > 0 ? "lower" : "higher") by \(decimal(abs(gain))), with one seed no more than a hint."
      }
      let seeds = "seeds of one method differ by up to \(decimal(noise))"
      if abs(gain) <= noise {
        return outcome + "a difference of \(decimal(abs(gain))), but \(seeds), so this shows nothing."
      }
      let times = noise > 0 ? ", \(String(format: "%.1f", abs(gain) / noise)) times less" : ""
      return outcome + "\(group.label) \(gain > 0 ? "wins" : "LOSES") by \(decimal(abs(gain))); \(seeds)\(times)."
    }
  }

  /// The table and the findings as text, for a terminal.
  public var text: String {
    var table = TextTable(
      ["method", "seed", "\(target) loss", "bits/byte", "generic loss", "domains with most weight at the end"],
      [.left, .right, .right, .right, .right, .left])
    for row in rows {
      let leaders = row.leaders.map { "\($0.name) \(Words.percent($0.weight))" }
      table.append([
        row.label, "\(row.seed)", Self.decimal(row.last.target), Self.decimal(row.last.bitsPerByte),
        Self.decimal(row.last.generic), leaders.isEmpty ? "(weights do not move)" : leaders.joined(separator: ", "),
      ])
    }
    return table.text + (findings.isEmpty ? "" : "\n") + findings.joined(separator: "\n")
  }

  private static func decimal(_ value: Double) -> String { String(format: "%.3f", value) }
}
