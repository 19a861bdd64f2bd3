/// Figures and warnings of one update of a mixture, about the weights that are sampled from.
public struct MixingReport: Sendable, Equatable {
  /// Total variation distance of the sampled weights from uniform, from 0 to `1 - 1 / k`.
  public let distanceFromUniform: Double
  /// The number of equally weighted domains that are as spread out as the sampled weights, from 1 to `k`.
  public let effectiveDomains: Double
  /// Total variation distance between the sampled weights after and before this update.
  public let moved: Double
  /// The rate times `max s - min s`, the largest change of the logarithm of a ratio of two raw weights:
  /// `eta (max a - min a)` for the paper's step; 0 if refused or held back.
  public let spread: Double
  /// What a person should know about this update; mostly empty.
  public internal(set) var warnings: [MixingWarning] = []

  let largestWeight: Double

  init(weights: Weights, moved: Double, spread: Double) {
    distanceFromUniform = weights.distanceFromUniform
    effectiveDomains = weights.effectiveDomains
    largestWeight = weights.values.max()!
    self.moved = moved
    self.spread = spread
  }
}

/// The thresholds of the warnings. They are shares of all draws, so they mean the same for any number of domains.
extension MixingReport {
  /// Quiet: this update changed less than one draw in a thousand, and fewer than one draw in twenty differs from
  /// uniform. The second half tells a mixture that never started from one that has arrived somewhere.
  var isQuiet: Bool { moved < 0.001 && distanceFromUniform < 0.05 }

  /// Lonely: nineteen draws in twenty come from one domain.
  var isLonely: Bool { largestWeight >= 0.95 }

  /// Ten quiet updates in a row change less than one draw in a hundred together (triangle inequality), even if all
  /// pull the same way; fewer happen by chance, and at the start of an average with a small new weight.
  static let quietSpell = 10

  /// Weights without smoothing may rush to one domain and leave it again after an update or two. Jumping from one
  /// to the next without a rest counts: no other domain is learned from meanwhile.
  static let lonelySpell = 5
}

/// A condition of a mixture that a person should know of.
public enum MixingWarning: Sendable, Equatable {
  /// The sampled weights stay at uniform although alignments come in.
  case nothingMoves(spread: Double)
  /// Almost all draws come from one domain.
  case oneDomainLeft(domain: Int, weight: Double)
  /// An alignment was not a number or infinite; the weights were kept.
  case notFinite(domain: Int)
  /// What was measured of a domain was not a number or infinite; the other domains' weights were moved without it.
  case leftOut(domain: Int)

  /// Says in a sentence or two what is wrong and what to do.
  ///
  /// - Parameter name: gives the name of a domain by its index.
  public func sentence(name: (Int) -> String) -> String {
    switch self {
    case .nothingMoves(let spread):
      """
      Nothing moves: \(MixingReport.quietSpell) updates in a row left the weights at uniform \
      (the last one changed ratios of weights by exp(\(spread))). Domains do not differ by more than noise, or steps are too \
      small: larger probes, a longer memory, or a larger eta, kl or smoothing.new_weight.
      """
    case .oneDomainLeft(let domain, let weight):
      """
      One domain is left: after each of the last \(MixingReport.lonelySpell) updates a single domain has had at least \
      95 % of the draws, now \(name(domain)) with \((weight * 1000).rounded() / 10) %. \
      Lower eta or kl, smooth more or set a floor.
      """
    case .notFinite(let domain):
      "The alignment of \(name(domain)) is not finite, so this update was skipped and the weights were kept."
    case .leftOut(let domain):
      "What was measured of \(name(domain)) is not finite, so this update was made without it."
    }
  }
}
