import Foundation

/// The loss on the target against what was spent, for comparisons at equal cost and at equal loss.
package struct CostCurve {
  /// The loss after some tokens of training and some cost: training, probe and upstream tokens together.
  package struct Point {
    package let tokens, cost, loss: Double

    package init(tokens: Double, cost: Double, loss: Double) {
      (self.tokens, self.cost, self.loss) = (tokens, cost, loss)
    }
  }

  let points: [Point]

  /// The curve of a run.
  ///
  /// - Parameter upstream: Tokens of the runs that it builds on.
  init(_ run: RunRecord, upstream: Double) {
    points = run.evaluations.map {
      let tokens = Double($0.tokens)
      return Point(tokens: tokens, cost: tokens + Double(run.probeTokens(at: $0)) + upstream, loss: $0.target)
    }
  }

  package init(_ points: [Point]) { self.points = points }

  var last: Point? { points.last }

  /// The loss at a cost, interpolated between evaluations; nil before the first and after the last.
  package func loss(atCost cost: Double) -> Double? {
    if let exact = points.last(where: { $0.cost == cost }) { return exact.loss }
    for (before, after) in zip(points, points.dropFirst()) where before.cost < cost && cost < after.cost {
      return before.loss + (after.loss - before.loss) * (cost - before.cost) / (after.cost - before.cost)
    }
    return nil
  }

  /// The tokens or the cost at which the loss first falls to a value, interpolated between evaluations; nil if it
  /// never does, or already had before the first evaluation.
  package func spent(_ amount: KeyPath<Point, Double>, untilLoss loss: Double) -> Double? {
    if let first = points.first, first.loss == loss { return first[keyPath: amount] }
    for (before, after) in zip(points, points.dropFirst()) where before.loss > loss && after.loss <= loss {
      let share = (before.loss - loss) / (before.loss - after.loss)
      return before[keyPath: amount] + share * (after[keyPath: amount] - before[keyPath: amount])
    }
    return nil
  }
}

extension StudyRecord {
  /// The study with results that compare what runs spent, for runs whose metrics are at hand:
  ///
  /// - `target_loss_at_equal_cost`: the loss on the target at the cost of the cheapest run that it is compared with.
  /// - `speed_up`: training tokens of the baseline over those of the run until it reaches the baseline's last loss
  ///   (arXiv 2410.02498, Figure 12); absent if it never does.
  /// - `speed_up_by_cost`: the same with probe tokens and runs upstream counted on both sides.
  ///
  /// - Parameter records: The runs, by their names in the study.
  package func comparingCosts(_ records: [String: RunRecord]) -> StudyRecord {
    guard let comparison else { return self }
    var curves: [String: CostCurve] = [:]
    for run in runs where run.state == .complete {
      curves[run.name] = records[run.name].map { CostCurve($0, upstream: run.upstreamTokens) }
    }
    var result = self
    for (index, run) in runs.enumerated() {
      guard run.point[comparison.axis] != nil, let curve = curves[run.name] else { continue }
      let rivals = runs.filter { $0.stage == run.stage && comparison.compares($0, run) }
      let cheapest = rivals.compactMap { curves[$0.name]?.last?.cost }.min()
      result.runs[index].results["target_loss_at_equal_cost"] = cheapest.flatMap { curve.loss(atCost: $0) }
      let baseline = rivals.first { $0.point[comparison.axis] == comparison.baseline }
      guard let last = baseline.flatMap({ curves[$0.name]?.last }) else { continue }
      if let tokens = curve.spent(\.tokens, untilLoss: last.loss), tokens > 0 {
        result.runs[index].results["speed_up"] = last.tokens / tokens
      }
      if let cost = curve.spent(\.cost, untilLoss: last.loss), cost > 0 {
        result.runs[index].results["speed_up_by_cost"] = last.cost / cost
      }
    }
    return result
  }
}

extension StudyRecord.Comparison {
  /// Whether two runs differ in the compared axis at most.
  fileprivate func compares(_ one: StudyRecord.Run, _ other: StudyRecord.Run) -> Bool {
    one.point.filter { $0.key != axis } == other.point.filter { $0.key != axis }
  }
}

extension StudyRecord.Run {
  /// What the runs cost that it builds on, in tokens.
  fileprivate var upstreamTokens: Double {
    guard let cost = results["cost_tokens"] else { return 0 }
    return max(0, cost - (results["tokens"] ?? 0) - (results["probe_tokens"] ?? 0))
  }
}
