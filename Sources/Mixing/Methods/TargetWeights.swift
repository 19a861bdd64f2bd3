/// The weights of several steering targets, which move towards those that improve slowly: the inner player of GRAPE.
///
/// With directions `d_n = grad log l_n`, the mixture's gradient `g` and the rate c, the weights z of the targets move
/// first, then domains are scored along the gradient of the weighted loss `l_z = sum_n z_n l_n`:
///
///     z_n <- z_n exp(-c <d_n, g>) / sum,   then   z <- 0.999 z + 0.001 / N
///     grad log l_z = sum_n omega_n d_n,   omega_n = z_n l_n / sum_m z_m l_m
///
/// Source: GRAPE (arXiv 2505.20380) and Olivia-fsm/GRAPE_data_mixture_with_multi_target, with their c of 10, their
/// smoothing, and their clipping of gradients to a norm of 1 in `<d_n, g>`. They measure both players on batches of
/// their own. Here both use the same rows: `<d_n, g>` is the mean over sequences that were drawn from the mixture, or
/// for probes the mean of the domains by their weights.
public struct TargetWeights: Codable, Sendable, Equatable {
  /// The part of the weights that is spread evenly.
  public static let smoothing = 0.001

  /// The targets' weights.
  public private(set) var weights: Weights
  /// Each target's scores of the rows since the last move, as shares of its unit, (targets, rows).
  private var scores: [[Double]]
  /// What scores are shares of, and the loss, (targets); and the inner products of directions, (targets, targets).
  private var units, losses: [Double]
  private var gram: [[Double]]
  /// Norms of the directions, (targets), and of the batch's gradient, as far as known.
  private var norms: [Double] = []
  private var batchNorm: Double?
  /// Whether rows are of text of their own, as many of each domain.
  private var areProbes = false

  /// Starts with these weights.
  public init(start: Weights) {
    weights = start
    scores = [[Double]](repeating: [], count: start.count)
    (units, losses, gram) = ([], [], [])
  }

  /// Checks what was read from a file.
  ///
  /// - Parameter rows: The number of rows since the last move.
  func check(targets: Int, rows: Int) throws(StateFault) {
    try Mixing.check(["targets.weights": weights.count, "targets.scores": scores.count], are: targets)
    for (place, row) in scores.enumerated() { try Mixing.check(["targets.scores[\(place)]": row.count], are: rows) }
    // Nothing has come in yet, or it came for all targets.
    if rows > 0 || !units.isEmpty || !losses.isEmpty {
      try Mixing.check(["targets.units": units.count, "targets.losses": losses.count], are: targets)
    }
    if !norms.isEmpty { try Mixing.check(["targets.norms": norms.count], are: targets) }
    guard !gram.isEmpty else { return }
    try Mixing.check(["targets.gram": gram.count], are: targets)
    for (place, row) in gram.enumerated() { try Mixing.check(["targets.gram[\(place)]": row.count], are: targets) }
  }

  /// Takes in rows; the unit, the loss and the inner products that come last count for all.
  ///
  /// - Precondition: there is one direction per target.
  public mutating func observe(_ observations: Observations) {
    precondition(observations.scores.count == weights.count, "there is one direction per target")
    for (target, row) in observations.scores.enumerated() { scores[target] += row.values }
    units = observations.scores.map(\.unit)
    losses = observations.scores.map(\.loss)
    gram = observations.gram
    (norms, batchNorm) = (observations.directionNorms, observations.batchNorm)
    areProbes = observations.source == .probes
  }

  /// Forgets all rows.
  public mutating func forgetScores() { scores = scores.map { _ in [] } }

  /// Moves the weights away from targets with high scores: those that a step along the mixture lowers fast.
  ///
  /// - Parameter scores: `<d_n, g>` of every target, finite, (targets).
  public mutating func move(_ scores: [Double], rate: Double) {
    let even = Weights.uniform(over: weights.support) ?? weights
    weights = weights.exponentiated(by: scores.map { -$0 }, rate: rate).mixed(with: even, share: Self.smoothing)
  }

  /// Moves the weights, gives all rows scores along the gradient of the weighted targets, and forgets them.
  ///
  /// If a number is not finite, the weights stay, and the row or the unit is not finite either.
  ///
  /// - Parameters:
  ///   - domains: The domain of each row, (rows).
  ///   - present: The weights in use.
  /// - Returns: Scores as shares of the unit, (rows), and the unit: the squared norm of that gradient; without inner
  ///   products of the directions, as if they were orthogonal.
  mutating func combine(_ domains: [Int], present: Weights, rate: Double) -> (scores: [Double], unit: Double) {
    defer { forgetScores() }
    let batch = Self.factor(batchNorm)
    let means = weights.values.indices.map { target in
      let direction = Self.factor(target < norms.count ? norms[target] : nil)
      return units[target] * direction * batch * mixtureMean(scores[target], domains, present)
    }
    if means.allSatisfy(\.isFinite) && losses.allSatisfy(\.isFinite) { move(means, rate: rate) }

    let total = zip(weights.values, losses).reduce(0) { $0 + $1.0 * $1.1 }
    let shares = zip(weights.values, losses).map { $0 * $1 / total }
    var unit = 0.0
    for n in shares.indices {
      if gram.isEmpty {
        unit += shares[n] * shares[n] * units[n]
      } else {
        for m in shares.indices { unit += shares[n] * shares[m] * gram[n][m] }
      }
    }
    var combined = [Double](repeating: 0, count: domains.count)
    for n in shares.indices {
      for row in domains.indices { combined[row] += shares[n] * units[n] / unit * scores[n][row] }
    }
    return (combined, unit)
  }

  /// What a gradient is multiplied by so that its norm is at most 1, as GRAPE clips it; 1 if its norm is not known.
  private static func factor(_ norm: Double?) -> Double { norm.map { $0 > 1 ? 1 / $0 : 1 } ?? 1 }

  /// The mean of a score under the mixture.
  private func mixtureMean(_ scores: [Double], _ domains: [Int], _ present: Weights) -> Double {
    guard areProbes else { return scores.reduce(0, +) / Double(scores.count) }
    var rows = [Double](repeating: 0, count: present.count)
    for domain in domains { rows[domain] += 1 }
    var (sum, weight) = (0.0, 0.0)
    for (domain, score) in zip(domains, scores) {
      sum += present.values[domain] / rows[domain] * score
      weight += present.values[domain] / rows[domain]
    }
    return weight > 0 ? sum / weight : 0
  }
}
