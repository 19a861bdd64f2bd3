/// What comparing the scores of successive updates has found.
public struct Finding: Sendable, Equatable {
  /// Standard errors of agreement that chance alone may show; only what exceeds them moves weights.
  public static let threshold = 1.5

  /// The variance of true scores over domains.
  public let signal: Double
  /// The variance of what is remembered of a score, the mean over domains: by the sequences' noise, and by that of the
  /// target's windows; infinite if nothing can be known.
  public let sequenceNoise, directionNoise: Double
  /// By how many standard errors fresh and remembered scores agree.
  public let significance: Double
  /// Updates so far.
  public let updates: Int
  /// The share of the variance of true scores that the guesses explain, the mean over domains, if these are not made of
  /// each domain's own score alone.
  public var explained: Double?

  /// The share of the variance of remembered scores that is signal, from 0 to 1; of guesses, the same is what they
  /// explain.
  public var reliability: Double {
    signal > 0 ? explained ?? signal / (signal + sequenceNoise + directionNoise) : 0
  }

  /// How many steps away from the prior the evidence is worth: the standard errors above the threshold, and at most one
  /// for each update that could confirm an earlier one.
  var steps: Double { min(max(0, significance - Self.threshold), Double(max(updates - 1, 0))) }

  /// Whether scores tell domains apart.
  public var tellsDomainsApart: Bool { steps > 0 && signal > 0 }

  /// The best guesses of true scores, as differences from their mean, (domains); 0 where nothing is known.
  ///
  /// The guess of a normal score with variance tau^2, measured with the error e, is tau^2 / (tau^2 + e^2) of the
  /// measured one. The mean is weighted by 1 / (tau^2 + e^2).
  func guesses(_ scores: Scores) -> [Double] {
    if let guesses = scores.guesses { return guesses.means }
    guard signal > 0, let errors = scores.lastingErrors else { return scores.values.map { _ in 0 } }
    let shares = errors.map { 1 / (signal + $0 * $0) }
    let total = shares.reduce(0, +)
    guard total > 0 else { return scores.values.map { _ in 0 } }
    let mean = zip(shares, scores.values).reduce(0) { $0 + $1.0 * $1.1 } / total
    return zip(shares, scores.values).map { $0 * signal * ($1 - mean) }
  }

  /// What is known, in a sentence or two: if domains cannot be told apart, what would help.
  public var sentence: String {
    sentence(
      comparing: "successive updates",
      remedy: "raise mixture.probe.steps, mixture.probe.sequences, batch.sequences or mixture.smoothing.memory")
  }

  /// The same for scores that were compared in another way.
  ///
  /// - Parameters:
  ///   - compared: Whose scores were compared, in the plural.
  ///   - remedy: What helps against the noise of sequences.
  public func sentence(comparing compared: String, remedy: String) -> String {
    func number(_ value: Double) -> String { "\((value * 10).rounded() / 10)" }
    guard updates > 1 else { return "Scores that were measured once do not say what of them is noise." }
    guard directionNoise.isFinite else {
      return "Whether domains differ cannot be told: the target's steering part is a single window, so that its noise "
        + "is the same in every score. Give the target more steering text, or the model a shorter context."
    }
    if tellsDomainsApart {
      let known =
        explained == nil
        ? "of their variance is signal"
        : "of the true variance between domains is explained by the guesses along the tree"
      return "Scores tell domains apart: those of \(compared) agree by \(number(significance)) standard errors, "
        + "and \(Int((100 * reliability).rounded())) % \(known)."
    }
    let help =
      directionNoise > sequenceNoise
      ? "most of the noise is the target's: raise mixture.probe.target_sequences, or give the target more steering text"
      : "most of the noise is that of the domains' sequences: \(remedy)"
    return "Scores do not tell domains apart: those of \(compared) agree by \(number(significance)) standard "
      + "errors, of which the first \(Self.threshold) count as chance. If domains differ, \(help)."
  }
}
