import Parallel
import Transformer

/// The order of sums, and what each rank owns of them.
extension RunPlan {
  /// The groups of micro-batches, all ranks together, that gives the same sums on other numbers of ranks; nil if nobody
  /// wants that, or this number of ranks is none of 1, 2, 4 and 8.
  private var canonicalGroups: Int? {
    guard description.reduction == .canonical else { return nil }
    return SummationTree.canonicalGroups(microBatches: batch.accumulation * batch.ranks, ranks: batch.ranks)
  }

  /// Whether gradients are to be added in the canonical order, and cannot be.
  var lacksCanonicalOrder: Bool { description.reduction == .canonical && canonicalGroups == nil }

  /// The groups that micro-batches are added in, all ranks together.
  var groups: Int { canonicalGroups ?? batch.ranks }

  /// The order in which the gradients of a step are added.
  package var tree: SummationTree {
    SummationTree(microBatches: batch.accumulation * batch.ranks, groups: groups, ranks: batch.ranks)
  }

  /// What a rank owns of the parameters.
  package func shards(rank: Int) -> Shards { Shards(ParameterLayout(model), ranks: batch.ranks, rank: rank) }
}
