import Kernels
import MPI
import Transformer

/// The sum of gradients over all ranks, bucket by bucket while the backward pass goes on; each rank is left with its
/// shards.
///
/// Buckets leave in the order in which they become final, the same on every rank, while the backward pass computes the
/// rest.
package struct GradientReduction: ~Copyable {
  /// What belongs to whom.
  package let shards: Shards

  private var pipeline: BucketPipeline<BucketReduction>
  /// The sum of squares of every block, all ranks together.
  private var blockSums: [Double]

  /// Allocates room for the buckets on their way.
  package init(_ shards: Shards) {
    self.shards = shards
    pipeline = BucketPipeline(shards) { BucketReduction(shards, isUsed: $0) }
    blockSums = [Double](repeating: 0, count: Self.blockCount(shards))
  }

  /// Bytes that a reduction allocates.
  package static func bytes(_ shards: Shards) -> Int {
    BucketPipeline<BucketReduction>.depth(shards) * BucketReduction.scratchCount(shards) * MemoryLayout<Float>.stride
      + blockCount(shards) * MemoryLayout<Double>.stride
  }

  private static func blockCount(_ shards: Shards) -> Int {
    (shards.arenaCount + Shards.block - 1) / Shards.block
  }

  /// Takes the next bucket that is final if every gradient from `bound` on is; nil if there is none.
  ///
  /// What is taken leaves with the next ``advance(_:over:)``.
  package mutating func nextFinal(from bound: Int) -> Range<Int>? {
    let place = pipeline.released
    guard place < shards.buckets.count, shards.buckets[place].lowerBound >= bound else { return nil }
    pipeline.release()
    return shards.buckets[place]
  }

  /// Starts what may leave and does what can be done without waiting.
  ///
  /// - Parameter gradients: An arena that begins with one of the layout.
  /// - Throws: `MPIError`.
  package mutating func advance(_ gradients: inout Arena, over world: borrowing Communicator) throws {
    try pipeline.advance(&gradients, over: world)
  }

  /// Waits until every bucket is complete, and is ready for the next gradients then.
  ///
  /// - Precondition: every bucket has been taken by ``nextFinal(from:)``.
  /// - Throws: `MPIError`.
  package mutating func finish(_ gradients: inout Arena, over world: borrowing Communicator) throws {
    precondition(pipeline.released == shards.buckets.count, "a bucket is not final")
    try pipeline.finish(&gradients, over: world)
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
  /// - Parameter body: Given the first element and the length of a block, and where it lies in an arena of own parts
  ///   alone.
  /// - Throws: `MPIError`.
  package mutating func sum(
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
