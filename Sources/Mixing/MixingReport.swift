/// Figures and warnings of one update of a mixture, about the weights that are sampled from.
public struct MixingReport: Sendable, Equatable {
  /// Total variation distance of the sampled weights from uniform, from 0 to `1 - 1 / k`.
  public let distanceFromUniform: Double
  /// The number of equally weighted domains that are as spread out as the sampled weights, from 1 to `k`.
  public let effectiveDomains: Double
  /// Total variation distance between the sampled weights after and before this update.
  public let moved: Double
  /// The rate times `max s - min s`: the largest logarithm of a ratio of two weights beside the prior's, before the
  /// floor, or for weights that walk its change, `eta (max a - min a)` for the paper's step; 0 if refused or held back.
  public let spread: Double
  /// What a person should know about this update; mostly empty.
  public internal(set) var warnings: [MixingWarning] = []

  let largestWeight: Double
  let distanceFromStart: Double

  /// Reports on weights, those before the update, and those at the start of the run.
  init(_ weights: Weights, before: Weights, start: Weights, spread: Double) {
    distanceFromUniform = weights.distanceFromUniform
    distanceFromStart = weights.distance(from: start)
    effectiveDomains = weights.effectiveDomains
    largestWeight = weights.values.max()!
    moved = weights.distance(from: before)
    self.spread = spread
  }
}
