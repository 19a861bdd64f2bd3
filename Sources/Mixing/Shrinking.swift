/// What the measured scores of domains are shrunk towards before weights follow them, the more the less is known of
/// them.
public enum Shrinking: String, CaseIterable, Sendable {
  /// Their parents' scores in the tree of the domains.
  case tree
  /// The mean of all.
  case flat
  /// Nothing.
  case none
}

extension Scores {
  /// Takes the measured values for the best guesses; domains without any count as average ones.
  mutating func guessAsMeasured() {
    let errors = errors ?? values.map { _ in 0 }
    let seen = values.indices.filter { errors[$0].isFinite }
    let mean = seen.reduce(0) { $0 + values[$1] } / Double(max(seen.count, 1))
    guesses = Guesses(
      means: values.indices.map { errors[$0].isFinite ? values[$0] - mean : 0 },
      deviations: errors.map { $0.isFinite ? $0 : (finding?.signal ?? 0).squareRoot() })
  }

  /// Shrinks values towards those of parents in a tree.
  ///
  /// - Parameters:
  ///   - known: What the values are remembered from.
  ///   - variances: What the levels of the tree differ by; nil if that is not known, and so all are alike.
  mutating func guess(
    by known: ScoreMemory, memory: Double, along shrinkage: TreeShrinkage, _ variances: TreeShrinkage.Variances?
  ) {
    guesses = Guesses(means: values.map { _ in 0 }, deviations: values.map { _ in 0 })
    guard let variances, variances.noise > 0, variances.total > 0 else { return }
    let squares = known.summary(memory: memory, noise: variances.noise).domains.map {
      $0.map { max($0.squaredError * $0.aging, 1e-16) } ?? .infinity
    }
    guard let found = shrinkage.posterior(values, errors: squares, between: variances.levels) else { return }
    guesses = Guesses(found)
  }
}

extension Scores.Guesses {
  /// Takes what is known along a tree, as differences from the mean of all domains.
  init(_ posterior: TreeShrinkage.Posterior) {
    let mean = posterior.means.reduce(0, +) / Double(posterior.means.count)
    means = posterior.means.map { $0 - mean }
    deviations = posterior.variances(aroundMeanBy: means.map { _ in 1 }).map { $0.squareRoot() }
  }
}
