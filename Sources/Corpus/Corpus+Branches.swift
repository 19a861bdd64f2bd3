/// The nodes of one level of a tree of domains: few enough to look at where domains are too many.
public struct Branches: Sendable {
  /// The names of the nodes: what the names of their domains begin with, up to a full stop.
  public let names: [String]
  /// The node of each domain, (domains).
  private let nodes: [Int32]

  fileprivate init(names: [String], nodes: [Int32]) { (self.names, self.nodes) = (names, nodes) }

  /// The sums over each node's domains, (nodes).
  public func sums(of values: [Double]) -> [Double] {
    var sums = [Double](repeating: 0, count: names.count)
    for (node, value) in zip(nodes, values) { sums[Int(node)] += value }
    return sums
  }
}

extension Corpus {
  /// The nodes of the lowest level of the tree above the domains that has no more than some; nil without one.
  public func branches(atMost most: Int) -> Branches? {
    guard let tree, let level = tree.levels.dropLast().lastIndex(where: { $0 <= most }) else { return nil }
    var nodes = (0..<Int32(tree.levels[level])).map { $0 }
    for parents in tree.parents[level...] { nodes = parents.map { nodes[Int($0)] } }
    var names = [String](repeating: "", count: tree.levels[level])
    for (domain, node) in nodes.enumerated() where names[Int(node)].isEmpty {
      names[Int(node)] = domains.name(domain).split(separator: ".").prefix(level + 1).joined(separator: ".")
    }
    return Branches(names: names, nodes: nodes)
  }
}
