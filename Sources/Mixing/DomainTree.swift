/// A tree over the domains, such as clusters of clusters: levels from the top down, of which the last are the domains.
public struct DomainTree: Sendable, Equatable {
  /// The number of nodes of the first level.
  public let top: Int
  /// For each level but the first, the parent of each of its nodes in the level above.
  public let parents: [[Int32]]
  /// The number of nodes of each level, (levels).
  public let counts: [Int]

  /// Makes a tree; nil if a parent is no node of the level above, or there are no domains.
  public init?(top: Int, parents: [[Int32]]) {
    self.top = top
    self.parents = parents
    counts = [top] + parents.map(\.count)
    guard counts.allSatisfy({ $0 > 0 }) else { return nil }
    for (above, level) in zip(counts, parents) {
      guard level.allSatisfy({ (0..<above).contains(Int($0)) }) else { return nil }
    }
  }

  /// The number of levels, that of the domains included.
  public var levels: Int { parents.count + 1 }
  /// The number of domains.
  public var domains: Int { parents.last?.count ?? top }

  /// The node of a level that each domain is under, (domains).
  ///
  /// - Parameter level: From 0, the first, to `levels - 1`, where every domain is its own node.
  public func nodes(at level: Int) -> [Int32] {
    var nodes = (0..<Int32(domains)).map { $0 }
    for above in parents[level...].reversed() {
      for domain in nodes.indices { nodes[domain] = above[Int(nodes[domain])] }
    }
    return nodes
  }

  /// Sums of the domains' numbers for every node of every level, (levels, nodes).
  ///
  /// - Parameter share: What of a node's sum its parent counts, by level and node.
  func sums(_ values: [Double], share: (Int, Int) -> Double = { _, _ in 1 }) -> [[Double]] {
    var sums = [values]
    for level in parents.indices.reversed() {
      sums.append(joined(sums[sums.count - 1].enumerated().map { share(level + 1, $0) * $1 }, above: level + 1))
    }
    return sums.reversed()
  }

  /// Sums of a level's numbers for every node of the level above it; above the first there is a single one, the root.
  func joined(_ values: [Double], above level: Int) -> [Double] {
    guard level > 0 else { return [values.reduce(0, +)] }
    var sums = [Double](repeating: 0, count: counts[level - 1])
    for (node, parent) in parents[level - 1].enumerated() { sums[Int(parent)] += values[node] }
    return sums
  }

  /// What a node has of its own and of its parent, from the top down, for all domains, (domains).
  ///
  /// - Parameter value: The number of a node by its parent's, its level and itself; the first level's parent has 0.
  func descend(_ value: (_ parent: Double, _ level: Int, _ node: Int) -> Double) -> [Double] {
    var nodes = (0..<top).map { value(0, 0, $0) }
    for (level, above) in parents.enumerated() {
      nodes = above.enumerated().map { value(nodes[Int($1)], level + 1, $0) }
    }
    return nodes
  }
}
