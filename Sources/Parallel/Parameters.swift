import Kernels
import MPI
import Transformer

/// The state of parameters of which some may still be on their way from the ranks that have updated them.
public enum Arriving {}

/// The state of parameters that are all there, and the same on every rank.
public enum Whole {}

/// All parameters of the model, whose type says whether they have arrived from the other ranks.
///
/// A step goes round: an update consumes whole parameters and leaves arriving ones; the next forward pass waits for
/// each part before it reads it and leaves whole ones. Only whole parameters can be read by anybody else.
public struct Parameters<State>: ~Copyable {
  // Before the arena, so that it goes first: it waits for messages that MPI writes into the arena.
  private var gather: ParameterGather
  private var arena: Arena

  private init<Other>(_ other: consuming Parameters<Other>) {
    gather = other.gather
    arena = other.arena
  }
}

extension Parameters where State == Whole {
  /// Zeros of a layout.
  package init(_ shards: Shards) {
    gather = ParameterGather(shards)
    arena = Arena(count: shards.arenaCount)
  }

  /// The parameters as one row of the layout.
  package var row: Matrix { arena.row }

  /// All elements, to read.
  package var span: Span<Float> {
    @_lifetime(borrow self) get { arena.span }
  }

  /// All elements, to be read from a checkpoint or drawn anew, the same on every rank.
  package var mutableSpan: MutableSpan<Float> {
    @_lifetime(&self) mutating get { arena.mutableSpan }
  }

  /// Draws initial values.
  package func initialize(_ layout: ParameterLayout, seed: UInt64) { layout.initialize(arena, seed: seed) }

  /// Takes these parameters as ones that arrive: nothing is on its way.
  package consuming func arriving() -> Parameters<Arriving> { Parameters<Arriving>(self) }

  /// Calls `update` with each place in the order of the arena's buckets, which it is to bring up to date on this rank;
  /// the bucket leaves for the other ranks at once.
  ///
  /// Collective: every rank calls.
  ///
  /// - Throws: `MPIError`.
  consuming func updated(
    over world: borrowing Communicator, _ update: (_ place: Int, _ parameters: Matrix) -> Void
  ) throws -> Parameters<Arriving> {
    for place in 0..<gather.bucketCount {
      update(place, arena.row)
      gather.release()
      try gather.advance(&arena, over: world)
    }
    return Parameters<Arriving>(self)
  }
}

extension Parameters where State == Arriving {
  /// Waits until all parameters are there.
  ///
  /// - Throws: `MPIError`.
  package consuming func whole(over world: borrowing Communicator) throws -> Parameters<Whole> {
    try gather.finish(&arena, over: world)
    return Parameters<Whole>(self)
  }

  /// The parameters as one row, of which only what ``wait(for:over:)`` has been called for may be read.
  var row: Matrix { arena.row }

  /// Waits until a part of the layout, and all before it, is there.
  ///
  /// - Throws: `MPIError`.
  mutating func wait(for part: Range<Int>, over world: borrowing Communicator) throws {
    try gather.wait(below: part.upperBound, &arena, over: world)
  }
}
