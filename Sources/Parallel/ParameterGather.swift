import Kernels
import MPI

/// The gathering of an arena of which each rank has its own shards, bucket by bucket while the next forward pass goes
/// on.
///
/// Buckets leave in the order in which a forward pass needs them. Until ``finish(_:over:)``, only what has been waited
/// for may be read.
package struct ParameterGather: ~Copyable {
  private let shards: Shards
  private var pipeline: BucketPipeline<BucketGather>

  /// Prepares to gather arenas of a layout.
  package init(_ shards: Shards) {
    self.shards = shards
    pipeline = BucketPipeline(shards) { _ in BucketGather(shards) }
  }

  /// The number of buckets.
  var bucketCount: Int { shards.buckets.count }

  /// Lets the next bucket leave, with the next ``advance(_:over:)``: this rank's part of it is final.
  package mutating func release() {
    precondition(pipeline.released < shards.buckets.count, "the arena before is still on its way")
    pipeline.release()
  }

  /// Starts what may leave and does what can be done without waiting.
  ///
  /// - Throws: `MPIError`.
  package mutating func advance(_ arena: inout Arena, over world: borrowing Communicator) throws {
    try pipeline.advance(&arena, over: world)
  }

  /// Waits until all elements below `bound` are there, and lets the others move; does nothing if nothing is on its way.
  ///
  /// - Throws: `MPIError`.
  package mutating func wait(below bound: Int, _ arena: inout Arena, over world: borrowing Communicator) throws {
    var count = pipeline.completed
    while count < pipeline.released, shards.buckets[shards.buckets.count - 1 - count].lowerBound < bound { count += 1 }
    try pipeline.wait(for: count, &arena, over: world)
    try pipeline.advance(&arena, over: world)
  }

  /// Waits until all that was released is there.
  ///
  /// - Throws: `MPIError`.
  package mutating func finish(_ arena: inout Arena, over world: borrowing Communicator) throws {
    try pipeline.finish(&arena, over: world)
  }

  /// Waits for the messages that have been started, so that the arena may go although it is not whole.
  ///
  /// - Throws: `MPIError`.
  mutating func settle() throws { try pipeline.settle() }

  /// Copies every rank's own parts of an arena to all ranks.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Precondition: nothing is on its way.
  /// - Throws: `MPIError`.
  package mutating func gather(_ arena: inout Arena, over world: borrowing Communicator) throws {
    for _ in shards.buckets { release() }
    try finish(&arena, over: world)
  }
}
