import Corpus
import Kernels
import MPI
import Printing

/// Clusters of documents: a tree whose leaves are all equally deep, and the leaf of each document.
public struct Clustering {
  /// The levels from the top down.
  public private(set) var levels: [ClusterLevel] = []
  /// The domain of each of this rank's documents: a node of the last level.
  public private(set) var domains: [Int32]
  /// The elements of a center.
  public let dimensions: Int

  private let settings: ClusterSettings

  /// Centers of the nodes that are split at once: their sums travel together.
  private static let centersAtOnce = 4096

  /// The tree without centers.
  public var tree: ClusterTree {
    ClusterTree(levels: levels.map(\.documents.count), parents: levels.dropFirst().map(\.parents))
  }

  /// Splits documents into clusters, level by level. A node with fewer documents than it should have leaves gets one
  /// for each, and documents whose vectors are equal stay together, so that there may be fewer clusters in the end.
  ///
  /// Collective: every rank calls, with the vectors of its own block of the documents; the result is the same whatever
  /// ranks there are.
  ///
  /// - Parameter report: Is called with a line of text after each iteration.
  /// - Throws: `Failure`, agreed; `MPIError`.
  public init(
    of vectors: Matrix, _ settings: ClusterSettings, over world: borrowing Communicator,
    report: (String) -> Void = { _ in }
  ) throws {
    self.settings = settings
    dimensions = vectors.columns
    domains = [Int32](repeating: 0, count: vectors.rows)
    let all = try world.allReduce(vectors.rows, .sum)
    try world.agree { try settings.check(documents: all) }
    var above = ClusterLevel()
    (above.documents, above.wanted) = ([all], [settings.domains])
    for level in 1...settings.levels {
      above = try split(above, level: level, of: vectors, over: world, report: report)
      levels.append(above)
    }
  }

  /// Splits the nodes of a level, some at a time.
  private mutating func split(
    _ above: ClusterLevel, level: Int, of vectors: Matrix, over world: borrowing Communicator, report: (String) -> Void
  ) throws -> ClusterLevel {
    let documents = try NodeDocuments(domains, nodes: above.documents.count, over: world)
    let settings = settings
    let children = above.wanted.indices.map {
      // A single leaf is below as many nodes as any other.
      min(above.wanted[$0], settings.branching, documents.all[$0])
    }
    var most = 1
    for _ in level..<settings.levels { most *= settings.branching }
    let start = ContinuousClock.now
    var below = ClusterLevel()
    var first = 0
    while first < children.count {
      var (end, centers) = (first, 0)
      while end < children.count, end == first || centers + children[end] <= Self.centersAtOnce {
        centers += children[end]
        end += 1
      }
      var progress = Progress(level: level, levels: settings.levels, nodes: children.count, done: first)
      var splitting = NodeSplitting(
        first..<end, children: children, documents, of: vectors, settings, level: level)
      try splitting.run(over: world) { iteration, moved in
        progress.note(iteration, of: settings.iterations, moved: moved, since: start)
        report(progress.line)
      }
      take(splitting, first..<end, above, documents, most: most, into: &below)
      first = end
    }
    return below
  }

  /// Appends the centers that have documents to a level, the largest of a node first, and moves the documents there.
  private mutating func take(
    _ splitting: borrowing NodeSplitting, _ group: Range<Int>, _ above: ClusterLevel, _ documents: NodeDocuments,
    most: Int, into below: inout ClusterLevel
  ) {
    var child = [Int32](repeating: -1, count: splitting.counts.count)
    for (node, split) in zip(group, splitting.nodes) {
      let kept = split.centers.filter { splitting.counts[$0] > 0 }
        .sorted { (splitting.counts[$1], $0) < (splitting.counts[$0], $1) }
      for center in kept {
        child[center] = Int32(below.parents.count)
        below.parents.append(Int32(node))
        below.centers += splitting.center(center)
      }
      let sizes = kept.map { Int(splitting.counts[$0]) }
      below.documents += sizes
      below.wanted += LeafDivision.divide(above.wanted[node], among: sizes, most: most)
      for place in split.rows {
        domains[Int(documents.groups.rows[place])] = child[Int(splitting.center(ofPlace: place))]
      }
    }
  }
}

/// How far a clustering is.
private struct Progress {
  let level, levels, nodes, done: Int
  private(set) var line = ""

  init(level: Int, levels: Int, nodes: Int, done: Int) {
    (self.level, self.levels, self.nodes, self.done) = (level, levels, nodes, done)
  }

  mutating func note(_ iteration: Int, of iterations: Int, moved: Double, since start: ContinuousClock.Instant) {
    let elapsed = start.duration(to: .now) / .seconds(1)
    let part = nodes > 1 ? ", \(done) of \(nodes) clusters split" : ""
    let permille = Int((1000 * moved).rounded())
    let share = Double(done) / Double(nodes)
    let left = done > 0 ? elapsed / share * (1 - share) : elapsed / Double(iteration) * Double(iterations - iteration)
    let time = Words.time(left)
    line =
      "level \(level) of \(levels)\(part), iteration \(iteration) of at most \(iterations): "
      + "\(permille / 10).\(permille % 10) % of the documents moved, \(done > 0 ? "about" : "at most") \(time) left"
  }
}
