/// The order in which the gradients of a batch's micro-batches are added, whatever ranks compute them.
///
/// Micro-batches form groups of consecutive ones. Within a group gradients are added one after the other, the groups in
/// a balanced binary tree whose aligned subtrees belong to the ranks:
///
///     ((g0 + g1) + (g2 + g3)) + ((g4 + g5) + (g6 + g7))        on one rank
///     rank 0: (g0 + g1) + (g2 + g3)   rank 1: ...              on two, which then add their sums
///
/// A rank keeps one arena a level of its subtree: group i is computed in level popcount(i), then the levels merge
/// downward once for each trailing one bit of i, as carries do when counting.
package struct SummationTree: Equatable, Sendable {
  /// Micro-batches, all ranks together.
  package let microBatches: Int
  /// Groups, all ranks together; a power of two per rank.
  package let groups: Int
  /// The number of ranks.
  package let ranks: Int

  /// The most groups that a batch is cut into: more would cost a rank alone more memory.
  package static let mostGroups = 8

  /// Plans the sum of `microBatches` gradients in `groups` groups, of which some may be empty.
  ///
  /// - Precondition: every rank has the same number of groups, and that is a power of two.
  package init(microBatches: Int, groups: Int, ranks: Int) {
    precondition(groups % ranks == 0 && (groups / ranks).nonzeroBitCount == 1, "a rank has a power of two of groups")
    self.microBatches = microBatches
    self.groups = groups
    self.ranks = ranks
  }

  /// The number of groups that gives the same sums on 1, 2, 4 and 8 ranks, or nil if this number of ranks is no such.
  package static func canonicalGroups(microBatches: Int, ranks: Int) -> Int? {
    guard ranks.nonzeroBitCount == 1, ranks <= mostGroups else { return nil }
    return min(mostGroups, 1 << microBatches.trailingZeroBitCount)
  }

  /// Arenas that a rank needs.
  package var levels: Int { (groups / ranks).trailingZeroBitCount + 1 }

  /// The groups of a rank.
  package func groups(of rank: Int) -> Range<Int> { groups / ranks * rank..<groups / ranks * (rank + 1) }

  /// The micro-batches of a group: spread evenly, so that few of them still busy many ranks.
  package func microBatches(of group: Int) -> Range<Int> {
    group * microBatches / groups..<(group + 1) * microBatches / groups
  }

  /// The rank that runs a micro-batch.
  package func rank(ofMicroBatch index: Int) -> Int { ((index + 1) * ranks - 1) / microBatches }

  /// The micro-batches of a rank.
  package func microBatches(ofRank rank: Int) -> Range<Int> {
    rank * microBatches / ranks..<(rank + 1) * microBatches / ranks
  }
}
