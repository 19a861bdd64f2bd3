/// Best guesses of the domains' scores along a tree: each is drawn to its parent's, that to its grandparent's, by what
/// nodes of each level truly differ by.
///
/// The model is `score of a sequence = mean + u_1 + ... + u_L + noise` with an independent normal u_l of variance B_l
/// for every node of level l; the domains are level L. Given the B_l and the domains' measured means with their errors,
/// the posterior is exact: one pass up the tree, one down, O(domains).
public struct TreeShrinkage: Sendable {
  /// The tree.
  public let tree: DomainTree
  /// The node of the first level that each domain is under, (domains).
  var groups: [Int32] { tree.nodes(at: 0) }

  /// Shrinks along a tree.
  public init(_ tree: DomainTree) { self.tree = tree }

  /// What scores differ by.
  public struct Variances: Sendable, Equatable {
    /// The variance of the sequences of a domain.
    public var noise: Double
    /// The variance between the nodes of each level under one parent, from the first level to the domains, (levels).
    public var levels: [Double]

    /// Names the variances.
    public init(noise: Double, levels: [Double]) { (self.noise, self.levels) = (noise, levels) }

    /// The variance between domains, all levels together.
    public var total: Double { levels.reduce(0, +) }

    /// The same proportions with another total; without any, all of it is between the domains of one parent.
    func scaled(to total: Double) -> Variances {
      let sum = self.total
      var levels = levels.map { sum > 0 ? $0 / sum * total : 0 }
      if sum == 0 { levels[levels.count - 1] = total }
      return Variances(noise: noise, levels: levels)
    }
  }

  /// What is known of the domains' scores.
  public struct Posterior: Sendable, Equatable {
    /// The expected scores and their variances, (domains).
    public var means, variances: [Double]
  }

  /// The posterior of all domains.
  ///
  /// A node without measurements has its parent's mean. The mean of the first level is not known beforehand.
  ///
  /// - Parameters:
  ///   - means: The measured scores, (domains); any number where nothing is known.
  ///   - errors: The squares of their standard errors, more than 0; infinite where nothing is known, (domains).
  ///   - between: The variances between nodes of each level, (levels).
  ///   - knowsMean: Whether variances are of differences from the mean over the first level.
  /// - Returns: Nil if nothing is known of any domain.
  public func posterior(
    _ means: [Double], errors: [Double], between variances: [Double], knowsMean: Bool = false
  ) -> Posterior? {
    precondition(means.count == tree.domains && errors.count == means.count && variances.count == tree.levels)
    var levels = [(means: means, errors: errors)]
    for (level, above) in tree.parents.enumerated().reversed() {
      levels.append(pooled(levels[levels.count - 1], under: above, of: tree.counts[level], variances[level + 1]))
    }
    let top = levels[levels.count - 1]
    let root = pooled(top, under: [Int32](repeating: 0, count: top.means.count), of: 1, variances[0])
    guard root.errors[0].isFinite else { return nil }
    var known = Posterior(means: root.means, variances: knowsMean ? [0] : root.errors)
    for (level, measured) in levels.reversed().enumerated() {
      let parents = level == 0 ? [] : tree.parents[level - 1]
      known = drawn(measured, to: known, by: parents, variances[level])
    }
    return known
  }

  /// Parents' means and squared errors by their children's.
  private func pooled(
    _ children: (means: [Double], errors: [Double]), under parents: [Int32], of count: Int, _ variance: Double
  ) -> (means: [Double], errors: [Double]) {
    var sums = [Double](repeating: 0, count: count)
    var shares = sums
    for (child, parent) in parents.enumerated() where children.errors[child].isFinite {
      let share = 1 / (variance + children.errors[child])
      shares[Int(parent)] += share
      sums[Int(parent)] += share * children.means[child]
    }
    for node in 0..<count {
      sums[node] = shares[node] > 0 ? sums[node] / shares[node] : 0
      shares[node] = shares[node] > 0 ? 1 / shares[node] : .infinity
    }
    return (sums, shares)
  }

  /// The children's posterior by their parents'; without parents all are under one root.
  private func drawn(
    _ measured: (means: [Double], errors: [Double]), to above: Posterior, by parents: [Int32], _ variance: Double
  ) -> Posterior {
    var (means, variances) = (measured.means, measured.errors)
    for node in means.indices {
      let parent = parents.isEmpty ? 0 : Int(parents[node])
      let (mean, spread) = (above.means[parent], above.variances[parent])
      let error = variances[node]
      guard error.isFinite else {
        (means[node], variances[node]) = (mean, variance + spread)
        continue
      }
      let share = variance > 0 ? variance / (variance + error) : 0
      means[node] = mean + share * (means[node] - mean)
      variances[node] = share * error + (1 - share) * (1 - share) * spread
    }
    return Posterior(means: means, variances: variances)
  }
}
