import Failures
import MPI
import Parallel

/// Where the training text is.
extension RunPlan {
  /// Checks that all ranks have the same corpus, and finds out which of them has which shards.
  ///
  /// Collective: every rank calls.
  ///
  /// - Throws: `Failure`, agreed: `.badData` if corpora differ, `.missingInput` if a shard is nowhere, or where
  ///   `placement` wants it, `.badConfiguration` if `placement` is not what the corpus is; `MPIError`.
  public mutating func locateText(over world: borrowing Communicator) throws {
    let holders = try ShardHolders(of: corpus, over: world)
    try world.agree {
      switch description.placement {
      case .automatic: break
      case .whole: try corpus.checkText()
      case .sharded:
        guard holders == nil else { break }
        throw Failure(
          .badConfiguration,
          "placement: The corpus \(corpus.path) is whole; 'dga corpus build' and 'dga cluster' make one of shards with "
            + "--shards.")
      }
    }
    if description.placement != .whole { shardHolders = holders }
  }
}
