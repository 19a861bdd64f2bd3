import Foundation

/// Runs that differ in their seeds only, and what they have in the mean.
struct SeedGroup: Sendable {
  /// What tells it from the other groups of a figure, such as the method.
  let label: String
  let colour: Chart.Colour
  let runs: [RunRecord]

  /// Means over the runs with a band of one standard error each way, at the token counts that all runs have a record
  /// of; of many every so-manyth.
  ///
  /// - Parameter value: What is drawn of a record; nil leaves a gap.
  func curve<Record>(
    _ records: KeyPath<RunRecord, [Record]>, at tokens: KeyPath<Record, Int>, most: Int = 150,
    _ value: (Record) -> Double?
  ) -> [(tokens: Int, estimate: Estimate)] {
    var values: [Int: [Double]] = [:]
    for run in runs {
      // After going back to a checkpoint a run has two records of one count: the later one holds.
      let own = Dictionary(run[keyPath: records].map { ($0[keyPath: tokens], value($0)) }) { $1 }
      for case (let tokens, let value?) in own where value.isFinite { values[tokens, default: []].append(value) }
    }
    let common = values.filter { $0.value.count == runs.count }.sorted { $0.key < $1.key }
    let stride = max(1, (common.count + most - 1) / most)
    return common.enumerated().compactMap { place, entry in
      guard place % stride == 0 || place == common.count - 1 else { return nil }
      return Estimate(entry.value).map { (entry.key, $0) }
    }
  }

  /// The estimate over the runs of one number of each; nil if none has it.
  func estimate(_ value: (RunRecord) -> Double?) -> Estimate? { Estimate(runs.compactMap(value)) }

  /// The domains with the largest weights at the end, or shares of what was asked for where weights do not move,
  /// largest first.
  func leaders(_ most: Int) -> [String] {
    var total: [String: Double] = [:]
    for run in runs {
      total.merge(run.mixtures.last?.weights ?? run.domains.last?.requested ?? [:], uniquingKeysWith: +)
    }
    return Array(total.keys.sorted { (total[$1]!, $0) < (total[$0]!, $1) }.prefix(most))
  }
}

extension RunRecord {
  /// What each domain got over the whole run: shares asked for and drawn, by name; of many domains those that all
  /// records name.
  var shares: (requested: [String: Double], achieved: [String: Double]) {
    var (requested, achieved) = ([String: Double](), [String: Double]())
    var before = 0
    let total = Double(domains.last?.tokens ?? 0)
    guard total > 0 else { return (requested, achieved) }
    let common = domains.map { Set($0.requested.keys) }.reduce(Set(domains[0].requested.keys)) { $0.intersection($1) }
    for record in domains {
      let part = Double(record.tokens - before) / total
      before = record.tokens
      for name in common {
        requested[name, default: 0] += part * record.requested[name]!
        achieved[name, default: 0] += part * (record.achieved[name] ?? 0)
      }
    }
    return (requested, achieved)
  }
}
