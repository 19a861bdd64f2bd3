/// Best guesses of the domains' scores along a tree: each is shrunk towards its parent's, that towards its
/// grandparent's, by what nodes of each level truly differ by.
///
/// The model is `score of a sequence = mean + u_1 + ... + u_L + noise` with an independent normal u_l of variance B_l
/// for every node of level l; the domains are level L. Given the B_l and the domains' measured means with their errors,
/// the posterior is exact: one pass up the tree, one down, O(domains).
public struct TreeShrinkage: Sendable {
  /// The tree.
  public let tree: DomainTree

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

  /// The covariance of each domain's score with a weighted sum of all scores, before anything is measured, (domains).
  ///
  /// - Parameters:
  ///   - weights: The weight of each domain's score in the sum, (domains).
  ///   - variances: The variances between nodes of each level, (levels).
  func covariances(withSum weights: [Double], between variances: [Double]) -> [Double] {
    let sums = tree.sums(weights)
    return tree.descend { above, level, node in above + variances[level] * sums[level][node] }
  }

  /// The posterior of all domains.
  ///
  /// A node without measurements has its parent's mean. The mean of the first level is not known beforehand.
  ///
  /// - Parameters:
  ///   - means: The measured scores, (domains); any number where nothing is known.
  ///   - errors: The squares of their standard errors, more than 0; infinite where nothing is known, (domains).
  ///   - between: The variances between nodes of each level, (levels).
  /// - Returns: Nil if nothing is known of any domain.
  public func posterior(_ means: [Double], errors: [Double], between variances: [Double]) -> Posterior? {
    precondition(means.count == tree.domains && errors.count == means.count && variances.count == tree.levels)
    var levels = [(means: means, errors: errors)]
    for (level, above) in tree.parents.enumerated().reversed() {
      levels.insert(pooled(levels[0], under: above, of: tree.counts[level], variances[level + 1]), at: 0)
    }
    let root = pooled(levels[0], under: [Int32](repeating: 0, count: tree.top), of: 1, variances[0])
    guard root.errors[0].isFinite else { return nil }
    let steps = zip(levels, variances).map { level, variance in
      level.errors.map { Posterior.Step(between: variance, error: $0) }
    }
    let found = tree.descend { above, level, node in
      let (mean, step) = (level == 0 ? root.means[0] : above, steps[level][node])
      return step.share > 0 ? mean + step.share * (levels[level].means[node] - mean) : mean
    }
    return Posterior(means: found, rootVariance: root.errors[0], steps: steps, tree: tree)
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
}

extension TreeShrinkage {
  /// What is known of the domains' scores: a joint normal distribution.
  ///
  /// A node's score is a share of its parent's, and a part of its own that is independent of all nodes above it.
  public struct Posterior: Sendable {
    /// The expected scores, (domains).
    public let means: [Double]
    /// The variance of the mean over the first level.
    let rootVariance: Double
    /// What nodes have of their parents, (levels, nodes).
    let steps: [[Step]]
    let tree: DomainTree

    /// From a parent to a node.
    struct Step {
      /// The share of what was measured in the node's score, and the variance of what the node has of its own.
      let share, own: Double
      /// The share of the parent's score.
      var inherited: Double { 1 - share }

      init(between variance: Double, error: Double) {
        share = variance > 0 && error.isFinite ? variance / (variance + error) : 0
        own = error.isFinite ? share * error : variance
      }
    }

    /// The variances of the scores, (domains).
    public var variances: [Double] {
      tree.descend { above, level, node in
        let step = steps[level][node]
        return step.own + step.inherited * step.inherited * (level == 0 ? rootVariance : above)
      }
    }

    /// The variances of the scores' differences from their mean, (domains).
    ///
    /// - Parameter weights: What each domain counts in the mean, (domains); not all 0.
    public func variances(aroundMeanBy weights: [Double]) -> [Double] {
      let total = weights.reduce(0, +)
      // How much the mean changes with the score of each node.
      let shares = tree.sums(weights.map { $0 / total }) { steps[$0][$1].inherited }
      let root = steps[0].indices.reduce(0) { $0 + shares[0][$1] * steps[0][$1].inherited }
      let ofMean = zip(shares, steps).reduce(root * root * rootVariance) { sum, level in
        zip(level.0, level.1).reduce(sum) { $0 + $1.0 * $1.0 * $1.1.own }
      }
      let common = tree.descend { above, level, node in
        let step = steps[level][node]
        return step.inherited * (level == 0 ? root * rootVariance : above) + step.own * shares[level][node]
      }
      return zip(variances, common).map { max(0, $0 - 2 * $1 + ofMean) }
    }
  }
}
