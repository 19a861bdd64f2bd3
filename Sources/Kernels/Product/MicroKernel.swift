import CIntrinsics

/// The innermost loop of a matrix product: a tile of 8 x 48 floats that stays in vector registers, or of 4 x 24 where
/// they have 256 bits.
///
/// For each step along the inner dimension three vectors of B meet as many numbers of A as a tile has rows: 24
/// multiply-adds on 11 loads, or 12 on 7.
enum MicroKernel {
  /// Rows of a tile.
  static var rows: Int { laneCount / 2 }

  /// Columns of a tile: three vectors.
  static var columns: Int { ThreeRegisters.columns }

  /// Columns of a narrow tile, for what wide ones would waste much on: two vectors.
  static var narrowColumns: Int { TwoRegisters.columns }

  /// How many of `columns` columns wide tiles should take, a multiple of theirs; narrow ones take the rest, up to two
  /// of them.
  ///
  /// A narrow tile does less on each load: its columns count for a fifth more. Heads of 64 are 24 + 24 + 16 in
  /// registers of 256 bits, and 32 + 32 in those of 512.
  static func wideColumns(of columns: Int) -> Int {
    var (best, least) = (0, Int.max)
    for narrow in 0...2 {
      let wide = max(0, (columns - narrow * narrowColumns + Self.columns - 1) / Self.columns * Self.columns)
      let cost = 5 * wide + 6 * narrow * narrowColumns
      if wide + narrow * narrowColumns >= columns && cost < least { (best, least) = (wide, cost) }
    }
    return best
  }

  /// Steps between one request for cache lines and the next.
  private static let stepsBetweenPrefetches = 16

  /// Whether two steps are written out in a row. Registers of 256 bits have so little work a step that the loop's own
  /// instructions would be felt (15 %, where another program shares the core); with 512 the compiler would move loads
  /// ahead, run out of registers and halve the speed.
  private static var takesTwoSteps: Bool { laneCount == 8 }

  /// Writes, or adds to, a tile of the result.
  ///
  /// - Parameters:
  ///   - row: What a row of the tile is made of.
  ///   - a: The first element of A; rows are `rowStride` apart and steps `stepStride`.
  @inline(always)
  static func multiply<Row: TileRow>(
    _ row: Row.Type, _ a: UnsafePointer<Float>, rowStride: Int, stepStride: Int, by panel: TilePanel,
    into tile: TileTarget
  ) {
    var (row0, row1, row2, row3) = (Row(), Row(), Row(), Row())
    var (row4, row5, row6, row7) = (Row(), Row(), Row(), Row())
    var (a, b) = (a, panel.base)
    let (result, stride, adding) = (tile.base, tile.stride, tile.adding)
    let end = b + panel.depth &* Row.columns
    if takesTwoSteps && panel.depth & 1 == 1 {
      step(a, rowStride, Row(b), &row0, &row1, &row2, &row3)
      stepBelow(a, rowStride, Row(b), &row4, &row5, &row6, &row7)
      a += stepStride
      b += Row.columns
    }
    // The result is needed at the end only, and the next panel later: asked for a few lines at a time, they come into
    // the cache without keeping the loads of this panel waiting. The result's rows are followed by those of the tiles
    // below.
    var (target, next) = (result, panel.next)
    while b < end {
      for line in Swift.stride(from: 0, to: Row.columns, by: Arena.alignment) { dga_prefetch(target + line) }
      dga_prefetch_later(next)
      dga_prefetch_later(next + Arena.alignment)
      target += stride
      next += 2 * Arena.alignment
      let stop = min(end, b + stepsBetweenPrefetches * Row.columns)
      while b < stop {
        let vectors = Row(b)
        step(a, rowStride, vectors, &row0, &row1, &row2, &row3)
        stepBelow(a, rowStride, vectors, &row4, &row5, &row6, &row7)
        if takesTwoSteps {
          let (a, vectors) = (a + stepStride, Row(b + Row.columns))
          step(a, rowStride, vectors, &row0, &row1, &row2, &row3)
          stepBelow(a, rowStride, vectors, &row4, &row5, &row6, &row7)
        }
        a += takesTwoSteps ? 2 * stepStride : stepStride
        b += takesTwoSteps ? 2 * Row.columns : Row.columns
      }
    }
    row0.write(result, adding: adding)
    row1.write(result + stride, adding: adding)
    row2.write(result + 2 &* stride, adding: adding)
    row3.write(result + 3 &* stride, adding: adding)
    guard rows == 8 else { return }
    row4.write(result + 4 &* stride, adding: adding)
    row5.write(result + 5 &* stride, adding: adding)
    row6.write(result + 6 &* stride, adding: adding)
    row7.write(result + 7 &* stride, adding: adding)
  }

  /// Adds the product of a column of A and a row of B to the first four rows of a tile.
  ///
  /// The rows are variables of their own: as fields of a structure, or captured, they would not stay in registers.
  @inline(always)
  private static func step<Row: TileRow>(
    _ a: UnsafePointer<Float>, _ rowStride: Int, _ b: Row, _ row0: inout Row, _ row1: inout Row, _ row2: inout Row,
    _ row3: inout Row
  ) {
    row0.add(a.pointee, b)
    row1.add((a + rowStride).pointee, b)
    row2.add((a + 2 &* rowStride).pointee, b)
    row3.add((a + 3 &* rowStride).pointee, b)
  }

  /// The same for the other four rows of a tile, if it has eight.
  @inline(always)
  private static func stepBelow<Row: TileRow>(
    _ a: UnsafePointer<Float>, _ rowStride: Int, _ b: Row, _ row4: inout Row, _ row5: inout Row, _ row6: inout Row,
    _ row7: inout Row
  ) {
    guard rows == 8 else { return }
    step(a + 4 &* rowStride, rowStride, b, &row4, &row5, &row6, &row7)
  }
}

/// A packed panel of B, as far as a tile needs it.
struct TilePanel {
  /// The first element: as many floats per step as the panel is wide.
  let base: UnsafePointer<Float>
  /// The part of the next panel that is to come into the second-level cache meanwhile; nothing depends on it.
  let next: UnsafePointer<Float>
  let width: Int
  /// The number of steps along the inner dimension.
  let depth: Int
}

/// Where a tile goes.
struct TileTarget {
  /// The first element; rows are `stride` apart.
  let base: UnsafeMutablePointer<Float>
  let stride: Int
  /// Whether to add to what is there.
  let adding: Bool
}
