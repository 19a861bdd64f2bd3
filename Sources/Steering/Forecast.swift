/// What a first-order guess says of the target's loss, beside what came of it. Only the root rank has one.
package struct Forecast: Codable, Sendable, Equatable {
  /// The objective on the steering windows where the direction was measured last.
  package private(set) var objective: Double?
  /// Its change since the time before, as measured, and as scores predicted it.
  package private(set) var realisedChange, predictedChange: Double?
  /// The sum of learning rates since the direction was measured last; none in checkpoints of an older dga.
  private var rates: Double?
  /// The mixture's alignment along that direction, known after sequences have been scored along it.
  private var alignment = 0.0

  package init() {}

  /// Learns that the direction has been measured.
  package mutating func measured(_ objective: Double, isPredictive: Bool) {
    realisedChange = self.objective.map { objective - $0 }
    predictedChange = self.objective != nil && isPredictive ? -(rates ?? 0) * alignment : nil
    self.objective = objective
    rates = 0
  }

  /// Learns the mixture's alignment, the domains' alignments weighted with the present weights.
  package mutating func moved(alignments: [Double], weights: [Double]) {
    let product = zip(alignments, weights).reduce(0) { $0 + $1.0 * $1.1 }
    if product.isFinite { alignment = product }
  }

  /// Learns of a training step, with the learning rate times the factor of clipping.
  package mutating func stepped(rate: Double) { rates = (rates ?? 0) + rate }
}
