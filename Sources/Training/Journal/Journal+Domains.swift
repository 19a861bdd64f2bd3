import Corpus
import Mixing
import Steering

/// What the journal records of domains: what each got, and the weights.
extension Journal {
  /// Whether a record of what each domain got is due.
  func recordsDomains(after step: Int, isLast: Bool) -> Bool { isLast || step % plan.interval == 0 }

  /// Records what each domain got since the last record.
  ///
  /// - Parameter cursors: Windows read so far of each domain.
  func noteDomains(_ step: Int, _ entries: DomainLedger.Closed, cursors: [Int], _ mixture: Mixture) throws {
    let shown = NamedDomains.chosen(
      of: domains.count, by: [{ entries[$0].shareRequested }, { entries[$0].shareAchieved }])
    try metrics.append(
      MetricRecord.Domains(
        step: step, total_tokens: step * plan.tokensPerStep, loss: named(shown) { entries[$0].loss },
        tokens: named(shown) { cursors[$0] * plan.model.context },
        share_requested: named(shown) { entries[$0].shareRequested },
        share_achieved: named(shown) { entries[$0].shareAchieved }, epochs: named(shown) { epochs(cursors, $0) }))
    lastEntries = entries
    if recordsColumns(after: step) { try writeColumns(step, entries, cursors: cursors, mixture) }
  }

  func epochs(_ cursors: [Int], _ domain: Int) -> Double {
    let windows = plan.windowCounts[domain]
    return windows == 0 ? 0 : Double(cursors[domain]) / Double(windows)
  }

  /// Whether whole columns are due: at the first record of domains after each interval, and at the last.
  private func recordsColumns(after step: Int) -> Bool {
    guard let every = plan.recordEvery else { return false }
    return step == plan.steps || step / every != max(0, step - plan.interval) / every
  }

  private func writeColumns(
    _ step: Int, _ entries: DomainLedger.Closed, cursors: [Int], _ mixture: Mixture
  ) throws {
    let columns = try DomainColumns(of: directory.path, after: step)
    try columns.write(mixture.weights.values, to: "weights")
    try columns.write(cursors.map { Int64($0 * plan.model.context) }, to: "tokens")
    try columns.write(domains.indices.map { entries[$0].loss ?? .nan }, to: "loss")
  }

  private func writeColumns(_ step: Int, _ scores: Scores) throws {
    let columns = try DomainColumns(of: directory.path, after: step)
    try columns.write(scores.alignments, to: "alignment")
    if let errors = scores.alignmentErrors { try columns.write(errors, to: "standard_error") }
  }

  /// Records the weights that a run starts with, or goes on with on another corpus.
  func recordStart(_ mixture: Mixture, after step: Int) throws {
    let weights = mixture.weights.values
    let shown = NamedDomains.chosen(of: domains.count, by: [{ weights[$0] }])
    try metrics.append(
      MetricRecord.Start(
        step: step, tokens: step * plan.tokensPerStep, domain_count: domains.count,
        weights: named(shown) { weights[$0] }, branches: branchSums(weights)))
  }

  /// Records that the run goes on with other domains.
  func changed(_ step: Int, _ change: DomainChange, _ mixture: Mixture) throws {
    try event(step, "domains", change.summary(mixture.weights, names: DomainNames(domains)))
    try recordStart(mixture, after: step)
  }

  private func branchSums(_ weights: [Double]) -> [String: Double]? {
    branches.map { Dictionary(zip($0.names, $0.sums(of: weights))) { $0 + $1 } }
  }

  /// Records an update of the mixture and passes its warnings on.
  func mixed(
    _ step: Int, _ mixture: Mixture, _ move: Move, _ report: MixingReport, _ forecast: Forecast, probeTokens: Int,
    overheadShare: Double
  ) throws {
    (latest, finding) = (move.scores, move.finding)
    let (weights, raw) = (mixture.weights.values, (move.raw ?? mixture.weights).values)
    let shown = NamedDomains.chosen(of: domains.count, by: [{ weights[$0] }, distance(mixture)])
    let scores = move.scores.map { scores in named(shown) { finite(scores.values[$0] * scores.unit) } }
    let isScored = plan.wishes.contains(.scores)
    try metrics.append(
      MetricRecord.Mixture(
        step: step, tokens: step * plan.tokensPerStep, probe_tokens: probeTokens,
        weights: named(shown) { weights[$0] }, raw_weights: named(shown) { raw[$0] },
        branches: branchSums(weights),
        alignment: isScored ? scores : nil, score: isScored ? nil : scores,
        target_alignment: isScored ? move.scores.flatMap { finite($0.unit) } : nil,
        reliability: (move.finding?.reliability).flatMap(finite),
        agreement: (move.finding?.significance).flatMap(finite),
        standard_error: move.scores.flatMap { scores in
          scores.errors.map { errors in named(shown) { finite(errors[$0] * scores.unit) } }
        },
        age: move.ages.isEmpty ? nil : named(shown) { move.ages[$0] }.filter { $0.value != 0 },
        target_weights: move.targetWeights.map {
          Dictionary(uniqueKeysWithValues: zip(plan.steeringTargets.map(\.name), $0))
        },
        coefficients: move.coefficients.map { coefficients($0) { $0.weights.values[$1] } },
        effective_sample_size: move.coefficients.map { coefficients($0) { $0.effectiveSampleSizes[$1] } },
        effective_domains: report.effectiveDomains, distance_from_uniform: report.distanceFromUniform,
        spread: report.spread, overhead_share: overheadShare,
        steering_objective: forecast.objective.flatMap(finite),
        realised_change: forecast.realisedChange.flatMap(finite),
        predicted_change: forecast.predictedChange.flatMap(finite)))
    if let scores = move.scores, recordsColumns(after: step) { try writeColumns(step, scores) }
    for warning in report.warnings {
      try event(step, "mixture", warning.sentence { domains.name($0) })
    }
  }

  private func named<Value>(_ shown: [Int], _ value: (Int) -> Value) -> [String: Value] {
    Dictionary(uniqueKeysWithValues: shown.map { (domains.name($0), value($0)) })
  }

  /// A figure of the distributions of a basis, of very many those with the largest coefficients.
  private func coefficients(
    _ coefficients: Move.Coefficients, _ value: (Move.Coefficients, Int) -> Double
  ) -> [String: Double] {
    let shown = NamedDomains.chosen(of: coefficients.names.count, by: [{ coefficients.weights.values[$0] }])
    return Dictionary(uniqueKeysWithValues: shown.map { (coefficients.names[$0], value(coefficients, $0)) })
  }
}
