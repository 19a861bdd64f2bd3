import Glibc

extension Weights {
  /// The Kullback-Leibler divergence `KL(self || other)` in nats; infinite if `other` is zero where these are not.
  ///
  /// - Precondition: the counts are equal.
  public func divergence(from other: Weights) -> Double {
    precondition(other.count == count)
    return max(0, zip(values, other.values).reduce(0) { $1.0 > 0 ? $0 + $1.0 * log($1.0 / $1.1) : $0 })
  }

  /// The rate at which ``exponentiated(by:rate:)`` moves the weights just so far that their divergence from these is
  /// `radius` nats.
  ///
  /// The divergence rises with the rate t, at t times the variance of the scores under the moved weights. It can come
  /// up to minus the logarithm of the weight of the best domains, and if that is within the radius, the rate is one
  /// that leaves nothing elsewhere. Scores that are all alike move nothing at any rate; it is zero then.
  ///
  /// - Precondition: the counts are equal; scores are finite; `radius` is not negative.
  public func rate(for scores: [Double], radius: Double) -> Double {
    precondition(scores.count == count && radius >= 0)
    let supported = values.indices.filter { values[$0] > 0 }
    let best = supported.reduce(-Double.infinity) { max($0, scores[$1]) }
    let worst = supported.reduce(Double.infinity) { min($0, scores[$1]) }
    let spread = best - worst
    guard spread > 0, spread.isFinite, radius > 0 else { return 0 }
    /// KL(p_t || p) = t E_t[s] - log sum p exp(t s), with scores counted from the best, in units of their spread.
    func divergence(_ rate: Double) -> Double {
      var (total, weighted) = (0.0, 0.0)
      for i in supported {
        let score = (scores[i] - best) / spread
        let moved = values[i] * exp(rate * score)
        total += moved
        weighted += moved * score
      }
      return rate * weighted / total - log(total)
    }
    // Beyond this no double is left for the other domains.
    var high = 1500.0
    guard divergence(high) > radius else { return min(high / spread, .greatestFiniteMagnitude) }
    var low = 0.0
    // Halvings of the logarithm: the first bounds are far apart.
    while low == 0 || high / low > 1 + 1e-12 {
      let middle = low == 0 ? high / 1024 : low.squareRoot() * high.squareRoot()
      if divergence(middle) > radius { high = middle } else { low = middle }
      if high < 1e-300 { return 0 }
    }
    return min(low / spread, .greatestFiniteMagnitude)
  }

  /// The nearest weights, by divergence, of which none is above its limit: `min(limit_i, factor w_i)` with the factor
  /// that makes their sum 1.
  ///
  /// Limits that leave no room, because they sum to 1 or less, are returned in proportion.
  ///
  /// - Precondition: the counts are equal; limits are not negative, and not all zero.
  public func capped(by limits: [Double]) -> Weights {
    precondition(limits.count == count && limits.allSatisfy { $0 >= 0 })
    if zip(values, limits).allSatisfy({ $0 <= $1 }) { return self }
    guard limits.reduce(0, +) > 1 else { return Weights(proportionalTo: limits) ?? self }
    // A weight of zero cannot be raised by a factor, and may have to be.
    let shares = values.map { max($0, .leastNormalMagnitude) }
    let order = shares.indices.sorted { limits[$0] / shares[$0] < limits[$1] / shares[$1] }
    // What the domains from each place on share, added from the end: differences would lose the small ones.
    var rest = shares
    var sum = 0.0
    for (place, i) in order.enumerated().reversed() {
      sum += shares[i]
      rest[place] = sum
    }
    var room = 1.0
    var result = limits
    for (place, i) in order.enumerated() {
      guard limits[i] * rest[place] < shares[i] * room else {
        for j in order[place...] { result[j] = shares[j] * (room / rest[place]) }
        break
      }
      room -= limits[i]
    }
    return Weights(proportionalTo: result) ?? self
  }
}
