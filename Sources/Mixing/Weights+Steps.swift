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
    let tilted = Tilted(supported.map { (values[$0], (scores[$0] - best) / spread) })
    // Beyond this no double is left for the other domains.
    var high = 1500.0
    guard tilted.divergence(high) > radius else { return min(high / spread, .greatestFiniteMagnitude) }
    var low = 0.0
    let guess = tilted.rate(atDivergence: radius, below: high)
    /// Far from a good guess the comparison needs no sum over domains.
    func exceeds(_ rate: Double) -> Bool {
      if let guess, abs(rate - guess) > 1e-9 * guess { return rate > guess }
      return tilted.divergence(rate) > radius
    }
    // Halvings of the logarithm: the first bounds are far apart.
    while low == 0 || high / low > 1 + 1e-12 {
      let middle = low == 0 ? high / 1024 : low.squareRoot() * high.squareRoot()
      if exceeds(middle) { high = middle } else { low = middle }
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

/// Weights times exp(rate score), for scores from -1 to 0, and how far that is from the weights.
private struct Tilted {
  private let shares, scores: [Double]

  init(_ domains: [(share: Double, score: Double)]) { (shares, scores) = (domains.map(\.share), domains.map(\.score)) }

  /// KL(p_t || p) = t E_t[s] - log sum p exp(t s).
  func divergence(_ rate: Double) -> Double {
    var (total, weighted) = (0.0, 0.0)
    for i in shares.indices {
      let moved = shares[i] * exp(rate * scores[i])
      total += moved
      weighted += moved * scores[i]
    }
    return rate * weighted / total - log(total)
  }

  /// Where the divergence is a radius, to about 1e-11, by Newton's method on the logarithms of both; nil where that
  /// does not converge, or the divergence hardly rises, so that rounding would decide.
  func rate(atDivergence radius: Double, below high: Double) -> Double? {
    var rate = min(1, high)
    for _ in 0..<40 {
      var (total, weighted, squared) = (0.0, 0.0, 0.0)
      for i in shares.indices {
        let moved = shares[i] * exp(rate * scores[i])
        total += moved
        weighted += moved * scores[i]
        squared += moved * scores[i] * scores[i]
      }
      let mean = weighted / total
      let divergence = rate * mean - log(total)
      let slope = rate * rate * (squared / total - mean * mean) / divergence
      guard divergence > 1e-6, slope > 1e-2 else { return nil }
      let step = log(radius / divergence) / slope
      rate = min(rate * exp(min(max(step, -3), 3)), high)
      if abs(step) < 1e-6 { return rate }
    }
    return nil
  }
}
