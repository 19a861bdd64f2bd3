import Foundation
import Mixing
import Testing

/// Solves `A x = b` for a symmetric positive A, without pivoting.
private func solve(_ matrix: [[Double]], _ right: [Double]) -> [Double] {
  var (a, b) = (matrix, right)
  for i in a.indices {
    for j in a.indices where j > i {
      let factor = a[j][i] / a[i][i]
      for k in i..<a.count { a[j][k] -= factor * a[i][k] }
      b[j] -= factor * b[i]
    }
  }
  for i in a.indices.reversed() {
    b[i] = (b[i] - (i + 1..<a.count).reduce(0) { $0 + a[i][$1] * b[$1] }) / a[i][i]
  }
  return b
}

/// What the tree's two passes are to give, by the joint normal distribution of all domains: mean and variances by the
/// best linear unbiased prediction with an unknown mean, or with a wide prior of it.
private func dense(
  _ tree: DomainTree, _ means: [Double], _ errors: [Double], _ variances: [Double]
) -> (means: [Double], variances: [Double], covariances: [[Double]]) {
  let nodes = (0..<tree.levels).map { tree.nodes(at: $0) }
  func covariance(_ a: Int, _ b: Int) -> Double {
    variances.indices.reduce(1e6) { $0 + (nodes[$1][a] == nodes[$1][b] ? variances[$1] : 0) }
  }
  let seen = means.indices.filter { errors[$0].isFinite }
  let matrix = seen.map { a in seen.map { covariance(a, $0) + (a == $0 ? errors[a] : 0) } }
  let weights = solve(matrix, seen.map { means[$0] })
  var result = (means: [Double](), variances: [Double](), covariances: [[Double]]())
  for domain in means.indices {
    let row = seen.map { covariance(domain, $0) }
    let shares = solve(matrix, row)
    result.means.append(zip(row, weights).reduce(0) { $0 + $1.0 * $1.1 })
    result.covariances.append(
      means.indices.map { other in
        covariance(domain, other) - zip(seen.map { covariance(other, $0) }, shares).reduce(0) { $0 + $1.0 * $1.1 }
      })
    result.variances.append(result.covariances[domain][domain])
  }
  return result
}

/// The variances of differences from a weighted mean.
private func centred(_ covariances: [[Double]], by weights: [Double]) -> [Double] {
  let shares = weights.map { $0 / weights.reduce(0, +) }
  let common = covariances.map { zip($0, shares).reduce(0) { $0 + $1.0 * $1.1 } }
  let mean = zip(common, shares).reduce(0) { $0 + $1.0 * $1.1 }
  return covariances.indices.map { covariances[$0][$0] - 2 * common[$0] + mean }
}

/// A score memory of these sequences.
private func memory(_ sequences: [[Double]]) -> ScoreMemory {
  var memory = ScoreMemory(domains: sequences.count)
  memory.observe(
    sequences.enumerated().flatMap { domain, scores in scores.map { (domain: domain, score: $0) } }, memory: 1)
  return memory
}

@Suite struct TreeShrinkageTests {
  private static let tree = DomainTree(top: 2, parents: [[0, 0, 1, 1]])!

  @Test func `Means and variances along a tree are those worked out by hand`() throws {
    let found = try #require(
      TreeShrinkage(Self.tree).posterior([1, 0.2, -0.5, 9], errors: [1, 2, 0.5, .infinity], between: [0.3, 0.5]))
    #expect(error(found.means, [0.504433, 0.245320, -0.263547, -0.027094]) < 1e-6)
    #expect(error(found.variances, [0.596059, 0.778325, 0.401478, 1.105911]) < 1e-6)
  }

  @Test func `Variances of levels are those worked out by hand`() throws {
    let tree = try #require(DomainTree(top: 2, parents: [[0, 0, 1, 1]]))
    var moments = PairMoments(levels: 2)
    moments.add(memory([[1, 2], [4], [0, 1, 2], []]), memory: 1, support: [true, true, true, true], along: tree)
    let variances = try #require(moments.variances)
    #expect(error([variances.noise] + variances.levels, [1.5, 0, 0.8125]) < 1e-6)
    // Pairs do not know where zero is.
    var shifted = PairMoments(levels: 2)
    let far = memory([[1e6 + 1, 1e6 + 2], [1e6 + 4], [1e6, 1e6 + 1, 1e6 + 2], []])
    shifted.add(far, memory: 1, support: [true, true, true, true], along: tree)
    let others = try #require(shifted.variances)
    #expect(error([others.noise] + others.levels, [1.5, 0, 0.8125]) < 1e-3)
  }

  @Test func `Two passes give what the joint normal distribution of all domains gives, whatever the tree`() throws {
    var random = SplitMix(seed: 11)
    for levels in 1...4 {
      for _ in 0..<5 {
        var (count, parents) = (2, [[Int32]]())
        for _ in 1..<levels {
          let above = count
          count = above * 2 + Int(random.next() % 3)
          parents.append((0..<count).map { _ in Int32(random.next() % UInt64(above)) })
        }
        let tree = try #require(DomainTree(top: 2, parents: parents))
        let means = (0..<count).map { _ in random.unit() - 0.5 }
        var errors = (0..<count).map { _ in random.unit() < 0.3 ? Double.infinity : 0.1 + random.unit() }
        errors[0] = 0.4
        var variances = (0..<levels).map { _ in random.unit() < 0.2 ? 0 : random.unit() }
        variances[levels - 1] += 0.01
        let found = try #require(TreeShrinkage(tree).posterior(means, errors: errors, between: variances))
        let expected = dense(tree, means, errors, variances)
        // The wide prior of the mean has a variance of 1e6, which costs six digits.
        #expect(error(found.means, expected.means) < 1e-5)
        let shares = zip(found.variances, expected.variances).map { abs($0 - $1) / $1 }
        #expect(shares.allSatisfy { $0 < 1e-4 }, "\(shares)")
        let weights = (0..<count).map { _ in random.unit() < 0.3 ? 0 : random.unit() }
        let around = zip(
          found.variances(aroundMeanBy: weights), centred(expected.covariances, by: weights)
        ).map { abs($0 - $1) }
        #expect(around.allSatisfy { $0 < 1e-4 }, "\(around)")
      }
    }
  }

  @Test func `Edges: nothing seen, no variance, equal scores, one group, one domain`() throws {
    let shrinkage = TreeShrinkage(Self.tree)
    let unseen = [Double](repeating: .infinity, count: 4)
    #expect(shrinkage.posterior([1, 2, 3, 4], errors: unseen, between: [1, 1]) == nil)
    let alike = try #require(shrinkage.posterior([1, 2, 3, 4], errors: [1, 1, 1, 1], between: [0, 0]))
    #expect(error(alike.means, [2.5, 2.5, 2.5, 2.5]) < 1e-12)
    // Without variance between the domains of a parent they have their parent's mean.
    let parents = try #require(shrinkage.posterior([1, 2, 3, 4], errors: [1, 1, 1, 1], between: [1, 0]))
    #expect(parents.means[0] == parents.means[1] && parents.means[0] < parents.means[2])

    var moments = PairMoments(levels: 2)
    moments.add(memory([[], [], [], []]), memory: 1, support: [true, true, true, true], along: Self.tree)
    #expect(moments.variances == nil)
    moments.add(memory([[2, 2], [2], [2], []]), memory: 1, support: [true, true, true, true], along: Self.tree)
    #expect(moments.variances == TreeShrinkage.Variances(noise: 0, levels: [0, 0]))
    var single = PairMoments(levels: 2)
    let one = try #require(DomainTree(top: 1, parents: [[0, 0, 0, 0]]))
    single.add(memory([[1, 2], [4, 5], [0, 1], [9]]), memory: 1, support: [true, true, true, true], along: one)
    let found = try #require(single.variances)
    #expect(found.levels[0] == 0 && found.levels[1] > 0)
    let alone = try #require(DomainTree(top: 1, parents: [[0]]))
    let only = try #require(TreeShrinkage(alone).posterior([3], errors: [1], between: [1, 1]))
    #expect(only.means == [3])
  }

  @Test func `A domain without weight has no part in the variances`() throws {
    let scores: [[Double]] = [[1, 2], [4], [0, 1, 2], []]
    let (all, some) = ([true, true, true, true], [true, true, false, true])
    var (moments, others, without) = (PairMoments(levels: 2), PairMoments(levels: 2), PairMoments(levels: 2))
    moments.add(memory(scores), memory: 1, support: all, along: Self.tree)
    others.add(memory(scores), memory: 1, support: some, along: Self.tree)
    without.add(memory([[1, 2], [4], [], []]), memory: 1, support: all, along: Self.tree)
    #expect(others == without && others != moments)
  }
}
