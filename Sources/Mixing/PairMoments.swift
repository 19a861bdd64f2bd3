/// Half the squared differences of pairs of sequences, by how near their domains are in a tree: what the variances of a
/// ``TreeShrinkage`` are estimated from.
///
/// With W, S and Q the weighted number of sequences in a node g, their sum and sum of squares, and c its children,
///
///     D_l = sum_g [W_g Q_g - S_g^2 - sum_c (W_c Q_c - S_c^2)] / W_g  :  sum_g (W_g^2 - sum_c W_c^2) / W_g
///
/// over the nodes g of level l is the noise and the variances of all levels below l; D_L of pairs within a domain is
/// the noise. Few pairs say little, so each D counts beside four degrees of freedom of D_0, that of pairs with nothing
/// in common. Sums go on over updates, of which older ones count less. The estimate is by the method of moments.
public struct PairMoments: Sendable, Equatable, Codable {
  /// How much the sums of earlier updates count at an update.
  static let keep = 0.98
  private static let priorFreedom = 4.0

  /// Sums of half squared differences, and of the weights of pairs: of one domain, of one parent, and so on up to those
  /// with nothing in common, (levels + 1).
  private(set) var differences, pairs: [Double]
  /// What the weight of a pair is in degrees of freedom, and how often a pair has been counted.
  private var scale = 1.0, repeats = 0.0

  /// Knows no pairs.
  public init(levels: Int) {
    differences = [Double](repeating: 0, count: levels + 1)
    pairs = differences
  }

  /// The levels of the tree.
  var levels: Int { differences.count - 1 }

  /// Checks what was read from a file.
  func check(levels: Int) throws(StateFault) {
    try Mixing.check(["moments.differences": differences.count, "moments.pairs": pairs.count], are: levels + 1)
  }

  /// Takes in all pairs of sequences that are remembered at an update.
  ///
  /// - Parameters:
  ///   - memory: How much what is known counts at an update, in `0...1`.
  ///   - support: Which domains count, (domains).
  public mutating func add(_ known: ScoreMemory, memory: Double, support: [Bool], along tree: DomainTree) {
    var sums = Sums(known, support)
    guard sums.total > 0 else { return }
    for level in differences.indices {
      differences[level] *= Self.keep
      pairs[level] *= Self.keep
    }
    (scale, repeats) = (sums.scale, 1 + Self.keep * memory * memory * repeats)
    for domain in sums.weights.indices where sums.weights[domain] > 0 {
      let weight = sums.weights[domain]
      differences[0] += sums.deviation(domain) / weight
      pairs[0] += (weight * weight - known.squaredWeights[domain]) / weight
    }
    for (place, parents) in (tree.parents.reversed() + [[]]).enumerated() {
      let found = sums.join(under: parents, of: place < tree.parents.count ? tree.counts[tree.levels - 2 - place] : 1)
      differences[place + 1] += found.differences
      pairs[place + 1] += found.pairs
    }
  }

  /// The variances that the pairs speak for; nil if there are none.
  public var variances: TreeShrinkage.Variances? {
    guard let top = pairs.lastIndex(where: { $0 > 0 }) else { return nil }
    let all = differences[top] / pairs[top]
    var sums = [Double]()
    for level in pairs.indices {
      let freedom = scale * pairs[level] / max(repeats, 1)
      let own = pairs[level] > 0 ? differences[level] / pairs[level] : all
      // What is below a level cannot be more than what is above it.
      sums.append(max(sums.last ?? 0, (freedom * own + Self.priorFreedom * all) / (freedom + Self.priorFreedom)))
    }
    return TreeShrinkage.Variances(
      noise: max(sums[0], 1e-12 * all), levels: sums.indices.dropLast().reversed().map { sums[$0 + 1] - sums[$0] })
  }

  /// Sums of sequences by the nodes of a level.
  private struct Sums {
    var weights, scores, squares: [Double]
    let total, scale: Double

    init(_ known: ScoreMemory, _ support: [Bool]) {
      var (total, squared, sum) = (0.0, 0.0, 0.0)
      for domain in support.indices where support[domain] {
        total += known.weights[domain]
        squared += known.squaredWeights[domain]
        sum += known.sums[domain]
      }
      // Differences do not depend on where zero is; squares of large numbers would lose them.
      let center = total > 0 ? sum / total : 0
      weights = support.indices.map { support[$0] ? known.weights[$0] : 0 }
      scores = support.indices.map { support[$0] ? known.sums[$0] - center * known.weights[$0] : 0 }
      squares = support.indices.map { domain in
        let (weight, sum) = (known.weights[domain], known.sums[domain])
        return support[domain] ? known.squares[domain] + center * (center * weight - 2 * sum) : 0
      }
      (self.total, scale) = (total, squared > 0 ? total / squared : 1)
    }

    /// The sum of half the squared differences of all pairs in a node.
    func deviation(_ node: Int) -> Double { max(0, weights[node] * squares[node] - scores[node] * scores[node]) }

    /// Goes one level up, and finds the pairs that meet there; without parents all nodes are under one root.
    mutating func join(under parents: [Int32], of count: Int) -> (differences: Double, pairs: Double) {
      let zeros = [Double](repeating: 0, count: count)
      var (above, inside, squared) = (self, zeros, zeros)
      (above.weights, above.scores, above.squares) = (zeros, zeros, zeros)
      for node in weights.indices where weights[node] > 0 {
        let parent = parents.isEmpty ? 0 : Int(parents[node])
        above.weights[parent] += weights[node]
        above.scores[parent] += scores[node]
        above.squares[parent] += squares[node]
        inside[parent] += deviation(node)
        squared[parent] += weights[node] * weights[node]
      }
      self = above
      var found = (differences: 0.0, pairs: 0.0)
      for node in zeros.indices where weights[node] > 0 {
        found.differences += max(0, deviation(node) - inside[node]) / weights[node]
        found.pairs += (weights[node] * weights[node] - squared[node]) / weights[node]
      }
      return found
    }
  }
}
