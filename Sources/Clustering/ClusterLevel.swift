import Corpus
import Kernels

/// One level of a tree of clusters; the nodes of the last are the domains.
public struct ClusterLevel: Sendable {
  /// The node above of each node; 0 on the first level.
  public internal(set) var parents: [Int32] = []
  /// The center of each node, of length 1, one after the other.
  public internal(set) var centers: [Float] = []
  /// The documents of each node that are trained on.
  public internal(set) var documents: [Int] = []
  /// The leaves that each node has to have below it at the end.
  var wanted: [Int] = []

  /// The nodes below each node of the level above, of which there are so many.
  static func children(_ parents: [Int32], of nodes: Int) -> [Range<Int>] {
    var result: [Range<Int>] = []
    var first = 0
    for node in 0..<nodes {
      var end = first
      while end < parents.count, Int(parents[end]) == node { end += 1 }
      result.append(first..<end)
      first = end
    }
    return result
  }
}

/// A tree of centers, which says where a vector belongs.
package struct ClusterSearch: ~Copyable {
  private let tree: ClusterTree
  private let storage: Arena
  private let dimensions: Int

  /// Takes the centers of all levels, (nodes, dimensions), those of the first level first.
  package init(_ tree: ClusterTree, centers: Span<Float>, dimensions: Int) {
    precondition(centers.count == tree.levels.reduce(0, +) * dimensions, "a center for each node")
    self.tree = tree
    self.dimensions = dimensions
    storage = Arena(count: centers.count)
    copy(centers, to: storage.row)
  }

  /// Finds the domain of each vector, (documents, dimensions): from the root down, the child with the nearest center.
  package func domains(of vectors: Matrix) -> [Int32] {
    var node = [Int32](repeating: 0, count: vectors.rows)
    var search = NearestSearch(dimensions: dimensions)
    var first = 0
    for (level, count) in tree.levels.enumerated() {
      let above = level == 0 ? 1 : tree.levels[level - 1]
      let parents = level == 0 ? [Int32](repeating: 0, count: count) : tree.parents[level - 1]
      let grouped = RowGroups(node, groups: above)
      let centers = storage.matrix(at: first * dimensions, rows: count, columns: dimensions)
      for (children, places) in zip(ClusterLevel.children(parents, of: above), grouped.ranges) where !places.isEmpty {
        search.run(
          vectors, rows: grouped.rows[places], centers: centers.rows(children.lowerBound, count: children.count)
        ) { place, _, center, _ in node[Int(grouped.rows[place])] = Int32(children.lowerBound + center) }
      }
      first += count
    }
    return node
  }
}
