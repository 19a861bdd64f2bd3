import Kernels
import MPI
import Transformer

/// Which rank owns which part of the parameters, gradients and moments.
///
/// The arena is cut into buckets, which are reduced one by one while the backward pass goes on, and each bucket into
/// one part a rank. All cuts are multiples of a block counted from the arena's start. Buckets depend on the layout
/// alone; parts on the number of ranks as well.
///
/// For a power of two of ranks a bucket is halved again and again: in round d = 1, 2, 4, ... the ranks without bit d
/// keep the lower half, the others the upper. So rank r of 8 owns the part whose number is r with its bits reversed.
/// Other numbers of ranks own parts in their own order.
package struct Shards: Sendable {
  /// Floats in a block, the least that a rank owns. Norms are summed by blocks, too.
  package static let block = 4096

  /// The ranges of the arena that are reduced together, in the order in which the backward pass completes them: from
  /// the arena's end to its start. They cover it.
  package let buckets: [Range<Int>]
  /// The number of ranks.
  package let ranks: Int
  /// The rank whose own parts these are.
  package let rank: Int
  /// The own part of every bucket.
  package let own: [Range<Int>]
  /// Where each of the own parts starts in an arena that holds nothing else, and at the end the length of that arena.
  package let offsets: [Int]
  /// The length of the arena of all parameters.
  package let arenaCount: Int

  /// Plans the shards of `rank` among `ranks`.
  ///
  /// - Parameter bucket: The floats that are worth a message of their own, and about the most in one.
  package init(
    _ layout: ParameterLayout, ranks: Int, rank: Int, bucket: ClosedRange<Int> = 1 << 20...1 << 22
  ) {
    let buckets = Self.buckets(of: layout, sizes: bucket)
    let own = buckets.map { Self.part(of: $0, ranks: ranks, rank: rank) }
    self.buckets = buckets
    self.ranks = ranks
    self.rank = rank
    self.own = own
    offsets = own.reduce(into: [0]) { $0.append($0.last! + $1.count) }
    arenaCount = layout.arenaCount
  }

  /// The number of elements that this rank owns.
  package var ownCount: Int { offsets.last! }

  /// Whether gradients are summed in a balanced binary tree of ranks.
  package var isTree: Bool { Self.isTree(ranks) }

  /// The rounds of that tree.
  var rounds: Int { ranks.trailingZeroBitCount }

  /// The part of a bucket that a rank owns.
  package func part(of bucket: Range<Int>, rank: Int) -> Range<Int> { Self.part(of: bucket, ranks: ranks, rank: rank) }

  /// Cuts a range of whole blocks in two; the lower half has the odd block.
  static func halves(of range: Range<Int>) -> (lower: Range<Int>, upper: Range<Int>) {
    let middle = min(range.upperBound, range.lowerBound + (blocks(in: range) + 1) / 2 * block)
    return (range.lowerBound..<middle, middle..<range.upperBound)
  }

  /// Blocks that a range touches which starts with one; the arena's last may be short.
  private static func blocks(in range: Range<Int>) -> Int { (range.count + block - 1) / block }

  private static func isTree(_ ranks: Int) -> Bool { ranks.nonzeroBitCount == 1 }

  /// What a rank holds of a bucket after the rounds d = 1, 2, 4, ... below `bound`.
  ///
  /// - Precondition: the ranks are a power of two.
  package func held(of bucket: Range<Int>, rank: Int, rounds bound: Int) -> Range<Int> {
    Self.held(of: bucket, rank: rank, rounds: bound)
  }

  private static func held(of bucket: Range<Int>, rank: Int, rounds bound: Int) -> Range<Int> {
    var part = bucket
    var distance = 1
    while distance < bound {
      let halves = halves(of: part)
      part = rank & distance == 0 ? halves.lower : halves.upper
      distance *= 2
    }
    return part
  }

  private static func part(of bucket: Range<Int>, ranks: Int, rank: Int) -> Range<Int> {
    if isTree(ranks) { return held(of: bucket, rank: rank, rounds: ranks) }
    let (share, longer) = blocks(in: bucket).quotientAndRemainder(dividingBy: ranks)
    func cut(_ rank: Int) -> Int {
      min(bucket.upperBound, bucket.lowerBound + (rank * share + min(rank, longer)) * block)
    }
    return cut(rank)..<cut(rank + 1)
  }

  /// Merges what the backward pass completes until it is worth a message, and cuts what is too long for one.
  private static func buckets(of layout: ParameterLayout, sizes: ClosedRange<Int>) -> [Range<Int>] {
    var buckets: [Range<Int>] = []
    var end = layout.arenaCount
    for range in layout.parts.reversed() {
      // A block in which a range starts is complete only with the next range, which lies below.
      let start = (range.lowerBound + block - 1) / block * block
      guard end > start, end - start >= sizes.lowerBound || range.lowerBound == 0 else { continue }
      let blocks = blocks(in: start..<end)
      let pieces = (end - start + sizes.upperBound - 1) / sizes.upperBound
      for piece in (0..<pieces).reversed() {
        buckets.append(
          start + blocks * piece / pieces * block..<min(end, start + blocks * (piece + 1) / pieces * block))
      }
      end = start
    }
    return buckets
  }
}
