/// A condition of a mixture that a person should know of.
public enum MixingWarning: Sendable, Equatable {
  /// The sampled weights stay where they started although scores come in; with what comparing scores has found, if the
  /// method does.
  case nothingMoves(spread: Double, Finding? = nil)
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
    case .nothingMoves(_, let finding?):
      "Nothing moves: \(MixingReport.quietSpell) updates in a row left the weights where they started. "
        + "\(finding.sentence)"
        + (finding.tellsDomainsApart ? " So steps are too small: raise kl, eta or smoothing.new_weight." : "")
    case .nothingMoves(let spread, nil):
      """
      Nothing moves: \(MixingReport.quietSpell) updates in a row left the weights where they started \
      (the last one changed ratios of weights by exp(\(spread))). Domains do not differ by more than noise, or steps \
      are too small: larger probes, a longer memory, or a larger eta, kl or smoothing.new_weight.
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

/// The thresholds of the warnings. They are shares of all draws, so they mean the same for any number of domains.
extension MixingReport {
  /// Quiet: this update changed less than one draw in a thousand, and fewer than one draw in twenty differs from those
  /// at the start. The second half tells a mixture that never started from one that has arrived somewhere.
  var isQuiet: Bool { moved < 0.001 && distanceFromStart < 0.05 }

  /// Lonely: nineteen draws in twenty come from one domain.
  var isLonely: Bool { largestWeight >= 0.95 }

  /// Ten quiet updates in a row change less than one draw in a hundred together (triangle inequality), even if all
  /// pull the same way; fewer happen by chance, and at the start of an average with a small new weight.
  static let quietSpell = 10

  /// Weights without smoothing may rush to one domain and leave it again after an update or two. Jumping from one
  /// to the next without a rest counts: no other domain is learned from meanwhile.
  static let lonelySpell = 5
}

extension Mixture.State {
  /// Counts moves in a row after which weights rest at the start, or one domain is left; returns warnings of the spells
  /// that have just become long enough, so that each is said once.
  mutating func warnings(_ report: MixingReport, _ move: Move) -> [MixingWarning] {
    quietMoves = report.isQuiet ? quietMoves + 1 : 0
    lonelyMoves = report.isLonely ? lonelyMoves + 1 : 0
    var warnings: [MixingWarning] = []
    if quietMoves == MixingReport.quietSpell {
      warnings.append(.nothingMoves(spread: report.spread, move.finding))
    }
    if lonelyMoves == MixingReport.lonelySpell {
      let (domain, weight) = weights.values.enumerated().max { $0.element < $1.element }!
      warnings.append(.oneDomainLeft(domain: domain, weight: weight))
    }
    return warnings
  }
}
