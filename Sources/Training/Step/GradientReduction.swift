import Kernels
import MPI
import Transformer

/// The sum of gradients over all ranks, bucket by bucket while the backward pass goes on; each rank is left with its shards.
///
/// Buckets leave in the order in which they become final, the same on every rank, and at most two are on their way: the first
/// of them may wait for a slower rank while the second is received. MPI makes progress only while it is called, which is
/// between the layers of the backward pass.
package struct GradientReduction: ~Copyable {
  /// What belongs to whom.
  package let shards: Shards

  /// Bucket i travels in exchange i % 2.
  private var exchanges: InlineArray<2, BucketExchange>
  /// How many buckets are final on this rank, have left, and are complete.
  private var released = 0
  private var started = 0
  private var completed = 0
  /// The sum of squares of every block, all ranks together.
  private var blockSums: [Double]

  /// Allocates room for two buckets on their way.
  package init(_ shards: Shards) {
    self.shards = shards
    exchanges = InlineArray { _ in BucketExchange(shards) }
    blockSums = [Double](repeating: 0, count: Self.blockCount(shards))
  }

  /// Bytes that a reduction allocates.
  package static func bytes(_ shards: Shards) -> Int {
    2 * BucketExchange.scratchCount(shards) * MemoryLayout<Float>.stride
      + blockCount(shards) * MemoryLayout<Double>.stride
  }

  private static func blockCount(_ shards: Shards) -> Int {
    (shards.arenaCount + Shards.block - 1) / Shards.block
  }

  /// Takes the next bucket that is final if every gradient from `bound` on is; nil if there is none.
  ///
  /// What is taken leaves with the next ``advance(_:over:)``.
  package mutating func nextFinal(from bound: Int) -> Range<Int>? {
    guard released < shards.buckets.count, shards.buckets[released].lowerBound >= bound else { return nil }
    released += 1
    return shards.buckets[released - 1]
  }

  /// Starts what may leave and does what can be done without waiting.
  ///
  /// - Parameter gradients: An arena that begins with one of the layout.
  /// - Throws: `MPIError`.
  package mutating func advance(_ gradients: inout Arena, over world: borrowing Communicator) throws {
    while true {
      while completed < started, try exchanges[completed % 2].advance(&gradients, over: world) { completed += 1 }
      // Not only the older of two: MPI's progress is for all messages, but the rounds of the younger one are ours.
      if completed + 1 < started { _ = try exchanges[(completed + 1) % 2].advance(&gradients, over: world) }
      guard started < released, started < completed + 2 else { return }
      try exchanges[started % 2].start(started, of: &gradients, over: world)
      started += 1
    }
  }

  /// Waits until every bucket is complete, and is ready for the next gradients then.
  ///
  /// - Precondition: every bucket has been taken by ``nextFinal(from:)``.
  /// - Throws: `MPIError`.
  package mutating func finish(_ gradients: inout Arena, over world: borrowing Communicator) throws {
    precondition(released == shards.buckets.count, "a bucket is not final")
    try advance(&gradients, over: world)
    while completed < released {
      try exchanges[completed % 2].wait(&gradients, over: world)
      try advance(&gradients, over: world)
    }
    (released, started, completed) = (0, 0, 0)
  }

  /// The Euclidean norm of gradients whose shards lie on all ranks.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Throws: `MPIError`.
  package mutating func norm(of gradients: borrowing Gradients<Averaged>, over world: borrowing Communicator) throws
    -> Double
  {
    let row = gradients.row
    return try sum(over: world) { first, count, _ in sumOfSquares(row.columns(first, count: count)) }.squareRoot()
  }

  /// The sum over all blocks of the parameters of a number that the rank which owns a block computes.
  ///
  /// Blocks are added in order on every rank: the number of ranks does not show.
  /// Collective: every rank calls, with the same parameters.
  ///
  /// - Parameter body: Given the first element and the length of a block, and where it lies in an arena of own parts alone.
  /// - Throws: `MPIError`.
  mutating func sum(
    over world: borrowing Communicator, _ body: (_ first: Int, _ count: Int, _ ownOffset: Int) -> Double
  ) throws -> Double {
    for block in blockSums.indices { blockSums[block] = 0 }
    for (own, offset) in zip(shards.own, shards.offsets) {
      for first in stride(from: own.lowerBound, to: own.upperBound, by: Shards.block) {
        let count = min(Shards.block, own.upperBound - first)
        blockSums[first / Shards.block] = body(first, count, offset + first - own.lowerBound)
      }
    }
    var span = blockSums.mutableSpan
    try world.allReduce(&span, .sum)
    return blockSums.reduce(0, +)
  }
}
