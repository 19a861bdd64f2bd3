/// Evidence along a tree: fresh scores are compared with those that the tree predicts.
///
/// A domain by itself is predicted to have its remembered score times `tau^2 / (tau^2 + e^2)`, which is tau^2 times the
/// `a_i d_i` of ``Evidence``. Along a tree the prediction p_i is the posterior mean of ``TreeShrinkage``, which is
/// known of domains that were never seen, too. With K the covariances of scores beforehand (the diagonal is tau^2, and
/// two domains share the variances B_l of the levels where they are under one node), P those that the posterior leaves,
/// and each centred on the mean by the n_i of the update,
///
///     f_i = n_i (p_i - mean) / tau^2
///     N <- keep N + sum f_i (x_i - mean)
///     A <- keep A + sum n_i (K_ii - P_ii) / tau^4
///     V <- keep^2 V + sum f_i^2 v / n_i,   to which ``DirectionErrors`` adds what directions err by
///
/// How tau^2 is shared among the levels is told by ``PairMoments``, how much it is by N and A, in which no noise of a
/// direction is.
extension Evidence {
  /// A tree, and what its levels differ by as far as that is known.
  public struct Branches: Sendable {
    let shrinkage: TreeShrinkage
    let variances: TreeShrinkage.Variances?

    /// Takes both.
    public init(_ shrinkage: TreeShrinkage, _ variances: TreeShrinkage.Variances?) {
      (self.shrinkage, self.variances) = (shrinkage, variances)
    }

    /// The shares of the levels in the variance between domains, (levels).
    private var shares: [Double] {
      var levels = shrinkage.tree.counts.map { _ in 0.0 }
      levels[levels.count - 1] = 1
      return variances?.scaled(to: 1).levels ?? levels
    }

    /// The covariance of each domain's score with a weighted sum of all, per variance of a score, (domains): a domain's
    /// own weight if no two are related.
    func related(_ weights: [Double]) -> [Double] { shrinkage.covariances(withSum: weights, between: shares) }
  }

  /// What the tree says of all scores; nil if nothing is known.
  func posterior(
    of summary: ScoreMemory.Summary, _ known: ScoreMemory, along branches: Branches
  ) -> (scores: TreeShrinkage.Posterior, total: Double)? {
    guard let variances = branches.variances, variances.noise > 0 else { return nil }
    // Nothing is predicted without a signal; but one that is next to nothing says where to look. With less than this,
    // what is explained of it would be lost in rounding.
    let total = max(signal, 1e-5 * variances.noise)
    let errors = summary.domains.enumerated().map { domain, found in
      found.map { max(squaredError($0, share: share(of: domain, $0)), 1e-16) } ?? .infinity
    }
    return branches.shrinkage.posterior(
      known.values, errors: errors, between: variances.scaled(to: total).levels
    ).map { ($0, total) }
  }

  /// Whether fresh scores are as the tree predicts.
  mutating func compare(
    _ predictions: (scores: TreeShrinkage.Posterior, total: Double), with sums: [Double], _ counts: [Double],
    noise: Double, _ branches: Branches
  ) {
    let seen = counts.indices.filter { counts[$0] > 0 }
    let total = seen.reduce(0) { $0 + counts[$1] }
    guard seen.count > 1, total.isFinite else { return }
    let fresh = seen.reduce(0) { $0 + sums[$1] } / total
    let predicted = seen.reduce(0) { $0 + counts[$1] * predictions.scores.means[$1] } / total
    let left = predictions.scores.variances(aroundMeanBy: counts)
    let common = branches.related(counts)
    var factors = counts.map { _ in 0.0 }
    for domain in seen {
      let factor = counts[domain] * (predictions.scores.means[domain] - predicted) / predictions.total
      agreement += factor * (sums[domain] / counts[domain] - fresh)
      expectation +=
        counts[domain] * (1 - common[domain] / total - left[domain] / predictions.total) / predictions.total
      variance += factor * factor * noise / counts[domain]
      factors[domain] = factor
    }
    errors?.add(factors: factors, along: branches.shrinkage.tree)
  }

  /// By how much fresh and remembered scores differ beyond the noise of sequences, by the levels of the tree.
  ///
  /// - Parameter variance: That of a fresh sequence.
  mutating func compareSizes(_ rows: [Row], variance: Double, _ branches: Branches) {
    errors?.add(
      rows.map {
        DirectionErrors.Difference(
          domain: $0.domain, count: $0.count, value: $0.fresh - $0.known.mean,
          variance: variance / $0.count + $0.known.squaredError, share: $0.share)
      }, along: branches.shrinkage.tree)
    directionNoise = errors?.variances.reduce(0, +) ?? 0
  }

  /// Adds the tree's guesses to what is known.
  func guess(_ scores: inout Scores, by summary: ScoreMemory.Summary, _ known: ScoreMemory, along branches: Branches) {
    guard signal > 0, let found = posterior(of: summary, known, along: branches) else { return }
    let guesses = Scores.Guesses(found.scores)
    scores.guesses = guesses
    let count = Double(guesses.means.count)
    let all = branches.related(guesses.means.map { _ in 1 / count }).reduce(0) { $0 + (1 - $1) }
    let left = guesses.deviations.reduce(0) { $0 + $1 * $1 }
    scores.finding?.explained = all > 0 ? max(0, 1 - left / (all * found.total)) : 0
  }
}
