/// A distribution over the domains, of which most may have no share.
public struct SparseDistribution: Sendable, Equatable {
  /// The domains with a share, in ascending order, and their shares, which add up to 1.
  public let domains: [Int32], shares: [Double]

  /// Takes the domains that have weight.
  public init(_ weights: Weights) {
    domains = weights.values.indices.filter { weights.values[$0] > 0 }.map(Int32.init)
    shares = domains.map { weights.values[Int($0)] }
  }

  /// Takes domains in ascending order with shares of any scale; nil if none is more than zero.
  init?(_ domains: [Int32], proportionalTo shares: [Double]) {
    guard let weights = Weights(proportionalTo: shares) else { return nil }
    (self.domains, self.shares) = (domains, weights.values)
  }

  /// A domain's share.
  ///
  /// - Complexity: O(log n) of the domains with a share.
  public subscript(domain: Int) -> Double {
    var (low, high) = (0, domains.count)
    while low < high {
      let middle = (low + high) / 2
      if domains[middle] < domain { low = middle + 1 } else { high = middle }
    }
    return low < domains.count && domains[low] == domain ? shares[low] : 0
  }
}

extension Weights {
  /// Mixes distributions over domains by coefficients: `sum_n w_n p_n`.
  ///
  /// If one coefficient is all, its distribution keeps its bits.
  ///
  /// - Precondition: there is a coefficient for each.
  package init(_ distributions: [SparseDistribution], mixedBy coefficients: Weights, domains: Int) {
    precondition(distributions.count == coefficients.count)
    var values = [Double](repeating: 0, count: domains)
    for (distribution, coefficient) in zip(distributions, coefficients.values) where coefficient > 0 {
      for (domain, share) in zip(distribution.domains, distribution.shares) {
        values[Int(domain)] += coefficient * share
      }
    }
    self.init(normalising: values)
  }
}
