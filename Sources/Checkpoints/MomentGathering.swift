import Kernels
import MPI
import Parallel
import Transformer

/// The way of AdamW's moments from the ranks that own them to rank 0, piece by piece, so that no rank holds them all.
///
/// A piece is what one tensor has in one bucket; those of a tensor follow each other in its order. All ranks walk
/// through the same pieces, and walk to the end even if rank 0 cannot write them.
package struct MomentGathering: ~Copyable {
  /// The two files' halves, in their order.
  package enum Moment: CaseIterable {
    /// The running mean of gradients.
    case first
    /// The running mean of their squares.
    case second
  }

  /// A range of one tensor's moments.
  package struct Piece {
    package let moment: Moment
    package let tensor: String
    /// Where it lies in an arena of the layout.
    package let range: Range<Int>
    /// The index of the bucket that it lies in.
    package let bucket: Int
  }

  private let pieces: [Piece]
  private var done = 0
  private var scratch: Arena
  private var requests = RequestGroup()

  /// Plans the pieces.
  package init(layout: ParameterLayout, _ shards: Shards) {
    pieces = Moment.allCases.flatMap { moment in
      layout.tensors.flatMap { tensor in
        shards.buckets.indices.reversed().compactMap { bucket in
          let range = tensor.range.clamped(to: shards.buckets[bucket])
          return range.isEmpty ? nil : Piece(moment: moment, tensor: tensor.name, range: range, bucket: bucket)
        }
      }
    }
    scratch = Arena(count: shards.rank == 0 ? pieces.map(\.range.count).max() ?? 0 : 0)
  }

  /// Brings the next piece to rank 0.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Returns: The piece, or nil after the last; its values are the first of ``values`` on rank 0.
  /// - Throws: `MPIError`.
  package mutating func next(
    of optimizer: borrowing Optimizer, over world: borrowing Communicator
  ) throws -> Piece? {
    guard done < pieces.count else { return nil }
    let piece = pieces[done]
    done += 1
    let shards = optimizer.shards
    let own = shards.own[piece.bucket].clamped(to: piece.range)
    // Of a piece that is somebody else's this rank has nothing, wherever that would start.
    let start = own.isEmpty ? 0 : own.lowerBound - shards.own[piece.bucket].lowerBound
    let offset = shards.offsets[piece.bucket] + start
    let isFirst = piece.moment == .first
    if world.rank == 0 {
      for rank in 1..<world.size {
        let part = shards.part(of: shards.buckets[piece.bucket], rank: rank).clamped(to: piece.range)
        let place = part.lowerBound - piece.range.lowerBound..<part.upperBound - piece.range.lowerBound
        try world.startReceive(place, of: &scratch, from: rank, tag: 0, in: &requests)
      }
      copy(
        (isFirst ? optimizer.firstMoments.row : optimizer.secondMoments.row).columns(offset, count: own.count),
        to: scratch.matrix(at: own.isEmpty ? 0 : own.lowerBound - piece.range.lowerBound, rows: 1, columns: own.count))
    } else {
      let range = offset..<offset + own.count
      let moments = isFirst ? optimizer.firstMoments.span : optimizer.secondMoments.span
      try world.startSend(range, of: moments, to: 0, tag: 0, in: &requests)
    }
    try requests.waitAll()
    return piece
  }

  /// What has been brought to rank 0 last.
  package var values: Span<Float> {
    @_lifetime(borrow self) get { scratch.span }
  }

  /// Walks through the pieces that are left.
  ///
  /// Collective: every rank calls.
  package mutating func finish(of optimizer: borrowing Optimizer, over world: borrowing Communicator) throws {
    while try next(of: optimizer, over: world) != nil {}
  }
}
