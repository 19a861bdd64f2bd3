import Glibc

/// Draws of domains that could be the best one, but are not known well.
extension Finding {
  /// How draws for the sake of knowledge are spread, in proportion to the improvement that is expected of each domain.
  ///
  /// With g_i the guess of a score, s_i its standard deviation, and b the best guess, that is
  ///
  ///     E max(0, score_i - b) = s_i (z Phi(z) + phi(z))
  ///     z = (g_i - b) / s_i,   s_i^2 = tau^2 e_i^2 / (tau^2 + e_i^2)
  ///
  /// (Jones, Schonlau, Welch, 1998). A domain that is known to be worse, and one that is known exactly, get next to
  /// nothing.
  ///
  /// - Parameter support: Which domains may be drawn, (domains).
  /// - Returns: Nil if nothing is known, or nothing is left to know.
  func exploration(_ scores: Scores, support: [Bool]) -> Weights? {
    guard signal > 0, let errors = scores.lastingErrors else { return nil }
    let guesses = guesses(scores)
    let allowed = guesses.indices.filter { support[$0] }
    guard let best = allowed.map({ guesses[$0] }).max() else { return nil }
    var shares = guesses.map { _ in 0.0 }
    for domain in allowed {
      let square = errors[domain] * errors[domain]
      let deviation =
        scores.guesses?.deviations[domain]
        ?? (square.isFinite ? signal * square / (signal + square) : signal).squareRoot()
      guard deviation > 0 else { continue }
      let z = (guesses[domain] - best) / deviation
      let density = exp(-z * z / 2) / (2 * Double.pi).squareRoot()
      shares[domain] = max(0, deviation * (z * erfc(-z / 2.0.squareRoot()) / 2 + density))
    }
    return Weights(proportionalTo: shares)
  }
}
