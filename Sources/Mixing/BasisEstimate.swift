/// Scores of distributions over domains, estimated from sequences that were drawn by other weights.
///
/// With B sequences of domains c_b that were drawn with probabilities q, and scores s_b, the self-normalised estimate
/// for the distribution p is
///
///     mu = sum_b w_b s_b / sum_b w_b,   w_b = p(c_b) / q(c_b)
///
/// It is worth as many sequences from p itself as the lesser of the realised `(sum w)^2 / sum w^2`, which is never
/// below 1, and the expected `B / chi`, `chi = sum_c p(c)^2 / q(c)` over the domains that can have been drawn.
package struct BasisEstimate: Sendable {
  /// The distributions that some sequence tells of, in ascending order, and the estimate of each, (rows).
  package private(set) var distributions: [Int] = [], means: [Double] = []
  /// How many sequences each is worth, their variance, and what estimates have in common.
  package private(set) var worth = RowMeans(counts: [], variances: [])
  /// Effective sample sizes of all distributions; 0 of those that no sequence tells of, (distributions).
  package private(set) var sizes: [Double] = []

  /// Estimates all scores.
  ///
  /// - Parameters:
  ///   - domains: The domain of each sequence, (sequences).
  ///   - q: The probabilities that they were drawn with, (domains).
  /// - Complexity: O(shares of all distributions, and loadings).
  package init(_ scores: [Double], of domains: [Int], drawnBy q: [Double], for basis: [SparseDistribution]) {
    worth.loadings = domains.map { _ in [] }
    var rows = [[Int]](repeating: [], count: q.count)
    for (row, domain) in domains.enumerated() where q[domain] > 0 { rows[domain].append(row) }
    for (place, distribution) in basis.enumerated() {
      var weights: [(row: Int, weight: Double)] = []
      for (domain, share) in zip(distribution.domains, distribution.shares) {
        for row in rows[Int(domain)] { weights.append((row, share / q[Int(domain)])) }
      }
      let (total, squares) = weights.reduce((0, 0)) { ($0.0 + $1.weight, $0.1 + $1.weight * $1.weight) }
      guard total > 0, total.isFinite, squares.isFinite else {
        sizes.append(0)
        continue
      }
      let mean = weights.reduce(0) { $0 + $1.weight * scores[$1.row] } / total
      let deviation = weights.reduce(0) { $0 + $1.weight * (scores[$1.row] - mean) * (scores[$1.row] - mean) }
      let size = min(total * total / squares, Double(domains.count) / Self.inflation(of: distribution, drawnBy: q))
      distributions.append(place)
      means.append(mean)
      worth.counts.append(size)
      worth.variances.append(deviation / total)
      sizes.append(size)
      let norm = squares.squareRoot()
      for (row, weight) in weights {
        worth.loadings[row].append(RowMeans.Loading(domain: place, share: weight / norm))
      }
    }
  }

  /// By how much a distribution's estimate varies more than if it had been drawn from: chi. Domains that cannot have
  /// been drawn have no part in the estimate, so it is one of the others alone.
  package static func inflation(of distribution: SparseDistribution, drawnBy q: [Double]) -> Double {
    var (covered, sum) = (0.0, 0.0)
    for (domain, share) in zip(distribution.domains, distribution.shares) where q[Int(domain)] > 0 {
      covered += share
      sum += share * share / q[Int(domain)]
    }
    return sum / (covered * covered)
  }
}
