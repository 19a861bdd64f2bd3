import Glibc
import Synchronization

/// Memory for packed factors, one piece for each thread that multiplies at the same time.
///
/// Pieces are allocated at first use, kept for ever and lent out without a lock: a steady step allocates nothing.
enum PackingMemory {
  /// A piece of it.
  struct Piece {
    /// Room for a block of A.
    let a: UnsafeMutablePointer<Float>
    /// Room for panels of B.
    let b: UnsafeMutablePointer<Float>
    /// Room for a tile at the edge of the result.
    let tile: UnsafeMutablePointer<Float>
    fileprivate let slot: Int
  }

  private static let slots = 64
  /// A bit for each slot that nobody uses.
  private static let free = Atomic<UInt64>(.max)
  private nonisolated(unsafe) static let pieces: UnsafeMutablePointer<UnsafeMutablePointer<Float>?> = {
    let table = UnsafeMutablePointer<UnsafeMutablePointer<Float>?>.allocate(capacity: slots)
    table.initialize(repeating: nil, count: slots)
    return table
  }()

  /// Lends a piece until it is given to ``put(back:)``.
  static func take() -> Piece {
    var bits = free.load(ordering: .acquiring)
    while true {
      guard bits != 0 else {
        // More than 64 threads multiply at once: wait for one of them.
        sched_yield()
        bits = free.load(ordering: .acquiring)
        continue
      }
      let slot = bits.trailingZeroBitCount
      let (exchanged, original) = free.compareExchange(
        expected: bits, desired: bits & ~(1 << UInt64(slot)), ordering: .acquiringAndReleasing)
      if exchanged { return piece(slot) }
      bits = original
    }
  }

  /// Takes a piece back.
  static func put(back piece: Piece) {
    _ = free.bitwiseOr(1 << UInt64(piece.slot), ordering: .releasing)
  }

  private static func piece(_ slot: Int) -> Piece {
    let base = pieces[slot] ?? allocateFloats(Blocking.memory)
    pieces[slot] = base
    return Piece(
      a: base, b: base + Blocking.blockFloats, tile: base + Blocking.blockFloats + Blocking.panelFloats, slot: slot)
  }
}

/// The sizes of the blocks of a product, chosen for second-level caches of 1 MiB, or 512 KiB on processors whose
/// registers have 256 bits, and a share of the third level.
enum Blocking {
  /// The longest piece of the inner dimension: the rows of A that a tile needs stay in the first-level cache.
  static let depth = 384
  /// Rows of A that stay in the second-level cache while all panels of B pass by; a multiple of what is packed at once.
  static let rows = laneCount == 16 ? 240 : 96
  /// Columns of B that are packed at once; a multiple of every tile's columns.
  static let columns = 64 * 48

  /// The distance between packed rows of A: off the powers of two, so that rows do not share cache sets.
  static let rowStride = depth + Arena.alignment
  static let blockFloats = rows * rowStride
  static let panelFloats = columns * depth
  static var memory: Int { blockFloats + panelFloats + MicroKernel.rows * MicroKernel.columns }
}
