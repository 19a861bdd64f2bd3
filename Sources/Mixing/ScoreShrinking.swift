extension UpdateRule.Caution {
  /// Scores shrunk towards their mean by their standard errors, (domains); as they are if errors are not used or not
  /// known.
  ///
  /// If domains were alike, the variance of the measured scores v_i would be the mean of their squared errors e_i^2.
  /// What exceeds it is the variance t^2 of true scores, and v_i is shrunk to mean + t^2 / (t^2 + e_i^2) (v_i - mean):
  /// the best guess of a normal score with that variance. If nothing exceeds it, all scores are the mean. An old score
  /// counts with a larger e_i in the second formula, but not in the mean: measured scores vary no more for being old.
  func shrunk(_ scores: Scores) -> [Double] {
    guard self != .none, let errors = scores.errors else { return scores.values }
    if let guesses = scores.guesses?.means {
      return self == .hold && guesses.contains { $0 != 0 } ? scores.values : guesses
    }
    let known = errors.indices.filter { errors[$0].isFinite }
    let count = Double(max(known.count, 1))
    let mean = known.reduce(0) { $0 + scores.values[$1] } / count
    let total = known.reduce(0) { $0 + (scores.values[$1] - mean) * (scores.values[$1] - mean) } / max(count - 1, 1)
    let noise = known.reduce(0) { $0 + errors[$1] * errors[$1] } / count
    let signal = max(0, total - noise)
    if signal == 0 { return scores.values.map { _ in mean } }
    if self == .hold { return scores.values }
    return scores.values.indices.map { domain in
      let variance = errors[domain] * errors[domain] * (scores.aging?[domain] ?? 1)
      return variance.isFinite ? mean + signal / (signal + variance) * (scores.values[domain] - mean) : mean
    }
  }
}
