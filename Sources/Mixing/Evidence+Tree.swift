/// Evidence along a tree: fresh scores are compared with those that the tree predicts.
///
/// A domain by itself is predicted to have its remembered score times `tau^2 / (tau^2 + e^2)`, which is tau^2 times the
/// `a_i d_i` of ``Evidence``. Along a tree the prediction p_i is the posterior mean of ``TreeShrinkage``, which is
/// known of domains that were never seen, too, and r_i the share of a true score's variance that it explains. So
///
///     N <- keep N + sum n_i (p_i - mean) / tau^2 (x_i - mean)
///     A <- keep A + sum n_i r_i / tau^2 (1 - share of its group)
///     V <- keep^2 V + sum n_i (p_i - mean)^2 / tau^4 v + g^2 sum over groups (sum n_i (p_i - mean) / tau^2)^2
///
/// The groups are the nodes of the tree's first level. Domains of one group have gradients that are alike, so the error
/// of a direction counts as common to them. How tau^2 is shared among the levels is told by ``PairMoments``, how much
/// it is by N and A, in which no noise of a direction is.
extension Evidence {
  /// A tree, and what its levels differ by as far as that is known.
  public struct Branches: Sendable {
    let shrinkage: TreeShrinkage
    let variances: TreeShrinkage.Variances?

    /// Takes both.
    public init(_ shrinkage: TreeShrinkage, _ variances: TreeShrinkage.Variances?) {
      (self.shrinkage, self.variances) = (shrinkage, variances)
    }
  }

  /// What the tree says of all scores; nil if nothing is known.
  func posterior(
    of summary: ScoreMemory.Summary, _ known: ScoreMemory, along branches: Branches
  ) -> (scores: TreeShrinkage.Posterior, total: Double)? {
    guard let variances = branches.variances, variances.noise > 0 else { return nil }
    let total = max(signal, 1e-9 * variances.noise)
    let errors = summary.domains.enumerated().map { domain, found in
      found.map { max(squaredError($0, share: share(of: domain, $0)), 1e-16) } ?? .infinity
    }
    return branches.shrinkage.posterior(
      known.values, errors: errors, between: variances.scaled(to: total).levels, knowsMean: true
    ).map { ($0, total) }
  }

  /// Whether fresh scores are as the tree predicts; returns the number of groups that have some.
  mutating func compare(
    _ predictions: (scores: TreeShrinkage.Posterior, total: Double), with sums: [Double], _ counts: [Double],
    noise: Double, _ branches: Branches
  ) -> Int {
    let seen = counts.indices.filter { counts[$0] > 0 }
    let total = seen.reduce(0) { $0 + counts[$1] }
    guard seen.count > 1, total.isFinite else { return seen.count }
    let fresh = seen.reduce(0) { $0 + sums[$1] } / total
    let predicted = seen.reduce(0) { $0 + counts[$1] * predictions.scores.means[$1] } / total
    let groups = branches.shrinkage.groups
    var (sizes, factors) = ([Double](repeating: 0, count: branches.shrinkage.tree.top), [Double]())
    for domain in seen { sizes[Int(groups[domain])] += counts[domain] }
    factors = sizes.map { _ in 0 }
    for domain in seen {
      let group = Int(groups[domain])
      let factor = counts[domain] * (predictions.scores.means[domain] - predicted) / predictions.total
      let explained = max(0, 1 - predictions.scores.variances[domain] / predictions.total)
      agreement += factor * (sums[domain] / counts[domain] - fresh)
      expectation += counts[domain] * explained / predictions.total * (1 - sizes[group] / total)
      variance += factor * factor * noise / counts[domain]
      factors[group] += factor
    }
    variance += directionNoise * factors.reduce(0) { $0 + $1 * $1 }
    return sizes.count { $0 > 0 }
  }

  /// Adds the tree's guesses to what is known.
  func guess(_ scores: inout Scores, by summary: ScoreMemory.Summary, _ known: ScoreMemory, along branches: Branches) {
    guard signal > 0, let found = posterior(of: summary, known, along: branches) else { return }
    let mean = found.scores.means.reduce(0, +) / Double(found.scores.means.count)
    scores.guesses = Scores.Guesses(
      means: found.scores.means.map { $0 - mean }, deviations: found.scores.variances.map { $0.squareRoot() })
    let left = found.scores.variances.reduce(0, +) / Double(found.scores.means.count)
    scores.finding?.explained = max(0, 1 - left / signal)
  }
}
