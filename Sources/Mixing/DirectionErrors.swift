/// What directions get wrong in the scores of a tree's domains, by the level at which domains have it in common.
///
/// Domains with similar gradients err together, so an error is taken for a sum of independent ones of the nodes that a
/// domain is under, of variance g_l^2 at level l. With n_i fresh sequences, d_i the difference of fresh and remembered
/// score, and sums N and D of n_i and n_i d_i over the domains of a node, the differences between the nodes of level l
/// under one parent are
///
///     sum over nodes of level l of D^2 / N  -  the same of the level above
///
/// which is, beyond the noise of sequences, a sum of the g^2 of this level and those below with known factors. So the
/// g_l^2 follow from the lowest level up (the analysis of variance of nested random effects).
struct DirectionErrors: Codable, Sendable, Equatable {
  /// The sums beyond the noise of sequences, (levels).
  private var excess: [Double]
  /// The factors of each level's g^2 in them, (levels, levels).
  private var exposure: [[Double]]
  /// The sums over nodes of the squared sums of factors of fresh scores in the agreement, (levels).
  private var squares: [Double]

  /// A domain's scores: how many are fresh, by how much they exceed the remembered one, the variance of that by noise
  /// of sequences, and the share of one direction's squared error in the remembered score.
  struct Difference {
    let domain: Int
    let count, value, variance, share: Double
  }

  init(levels: Int) {
    let zeros = [Double](repeating: 0, count: levels)
    (excess, squares, exposure) = (zeros, zeros, [[Double]](repeating: zeros, count: levels))
  }

  /// Checks what was read from a file.
  func check(levels: Int) throws(StateFault) {
    try Mixing.check(
      [
        "evidence.errors.excess": excess.count, "evidence.errors.squares": squares.count,
        "evidence.errors.exposure": exposure.count,
      ], are: levels)
    for row in exposure { try Mixing.check(["evidence.errors.exposure": row.count], are: levels) }
  }

  /// Lets earlier updates count less.
  mutating func decay(differences: Double, squares factor: Double) {
    for level in excess.indices {
      excess[level] *= differences
      squares[level] *= factor
      for other in excess.indices { exposure[level][other] *= differences }
    }
  }

  /// Takes in the differences of an update.
  mutating func add(_ differences: [Difference], along tree: DomainTree) {
    func sums(_ value: (Difference) -> Double) -> [[Double]] {
      var values = [Double](repeating: 0, count: tree.domains)
      for difference in differences { values[difference.domain] = value(difference) }
      return tree.sums(values)
    }
    let (counts, exposed) = (sums { $0.count }, sums { $0.count * (1 + $0.share) })
    let (values, noise) = (sums { $0.count * $0.value }, sums { $0.count * $0.count * $0.variance })
    let total = counts[0].reduce(0, +)
    guard total > 0 else { return }
    /// The sum of a level's numbers, each divided by its node's count.
    func quotient(_ numbers: [Double], _ level: Int) -> Double {
      zip(numbers, counts[level]).reduce(0) { $1.1 > 0 ? $0 + $1.0 / $1.1 : $0 }
    }
    let value = values[0].reduce(0, +)
    var above = (value * value - noise[0].reduce(0, +)) / total
    for level in excess.indices {
      let found = quotient(values[level].map { $0 * $0 }, level) - quotient(noise[level], level)
      excess[level] += found - above
      above = found
    }
    for lower in excess.indices {
      // The variance of a node's sum by the errors of this level, and so those of the nodes above it.
      var variances = zip(counts[lower], exposed[lower]).map { $0 * $1 }
      for level in (0...lower).reversed() {
        let own = quotient(variances, level)
        variances = tree.joined(variances, above: level)
        exposure[level][lower] += own - (level > 0 ? quotient(variances, level - 1) : variances[0] / total)
      }
    }
  }

  /// Takes in the factors of an update's fresh scores in the agreement, (domains).
  mutating func add(factors: [Double], along tree: DomainTree) {
    for (level, sums) in tree.sums(factors).enumerated() { squares[level] += sums.reduce(0) { $0 + $1 * $1 } }
  }

  /// The variance of the error that the domains of a node have in common, by level, (levels).
  var variances: [Double] {
    var variances = excess.map { _ in 0.0 }
    for level in excess.indices.reversed() where exposure[level][level] > 0 {
      let below = variances.indices.reduce(0) { $1 > level ? $0 + exposure[level][$1] * variances[$1] : $0 }
      variances[level] = max(0, excess[level] - below) / exposure[level][level]
    }
    return variances
  }

  /// The variance of the agreement by all of these errors, as large as they are known to be now.
  var variance: Double { zip(variances, squares).reduce(0) { $0 + $1.0 * $1.1 } }

  /// How many independent errors there are between domains with fresh scores.
  func freedom(_ counts: [Double], along tree: DomainTree) -> Double {
    let (variances, nodes) = (variances, tree.sums(counts).map { $0.count { $0 > 0 } })
    let total = variances.reduce(0, +)
    guard total > 0 else { return Double(max(nodes[nodes.count - 1] - 1, 1)) }
    return 1 / zip(variances, nodes).reduce(0) { $0 + $1.0 / total * ($1.0 / total) / Double(max($1.1 - 1, 1)) }
  }
}
