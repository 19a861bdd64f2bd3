/// A tree over the domains, such as clusters of clusters: levels from the top down, of which the last are the domains.
public struct DomainTree: Sendable, Equatable {
  /// The number of nodes of the first level.
  public let top: Int
  /// For each level but the first, the parent of each of its nodes in the level above.
  public let parents: [[Int32]]

  /// Makes a tree; nil if a parent is no node of the level above, or there are no domains.
  public init?(top: Int, parents: [[Int32]]) {
    self.top = top
    self.parents = parents
    guard counts.allSatisfy({ $0 > 0 }) else { return nil }
    for (above, level) in zip(counts, parents) {
      guard level.allSatisfy({ (0..<above).contains(Int($0)) }) else { return nil }
    }
  }

  /// The number of nodes of each level, (levels).
  public var counts: [Int] { [top] + parents.map(\.count) }
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
  func sums(_ values: [Double]) -> [[Double]] {
    var sums = [values]
    for (level, above) in parents.enumerated().reversed() {
      var nodes = [Double](repeating: 0, count: counts[level])
      let children = sums[0]
      for (node, parent) in above.enumerated() { nodes[Int(parent)] += children[node] }
      sums.insert(nodes, at: 0)
    }
    return sums
  }
}
