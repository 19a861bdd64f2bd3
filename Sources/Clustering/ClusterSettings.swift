import Failures
import Printing

/// What a clustering is asked for.
public struct ClusterSettings: Sendable {
  /// Clusters in all: the leaves of the tree.
  public var domains = 64
  /// The most children of a node.
  public var branching = 64
  /// The seed of the projection, the first centers and the order of documents.
  public var seed = 1
  /// Whether clusters of a node are to be of about the same size.
  public var isBalanced = false
  /// The most assignments of all documents per node.
  public var iterations = 50
  /// A node is settled when an iteration lowers its sum of distances by less than this part.
  public var tolerance = 1e-4

  /// The settings of somebody who asks for nothing.
  public static let defaults = Self()

  private init() {}

  /// Asks for a number of clusters.
  public init(domains: Int) { self.domains = domains }

  /// The levels that the tree needs.
  package var levels: Int {
    var (levels, leaves) = (1, branching)
    while leaves < domains {
      levels += 1
      leaves *= branching
    }
    return levels
  }

  /// Refuses what cannot be done with so many documents.
  ///
  /// - Throws: `Failure(.usage)`.
  public func check(documents: Int) throws(Failure) {
    guard domains <= documents else {
      throw Failure(
        .usage,
        "The corpus has \(Words.count(documents, "document")) to train on, too few for \(domains) clusters, of which "
          + "each needs at least one. Ask for fewer with --domains.")
    }
  }
}
