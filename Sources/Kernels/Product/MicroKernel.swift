import COpenBLAS

/// The innermost loop of a matrix product: a tile of 8 rows and 48 or 32 columns that stays in vector registers.
///
/// For each step along the inner dimension three vectors of B meet eight numbers of A: 24 multiply-adds on 11 loads. The loops
/// must not be unrolled further: the compiler would then move loads ahead, run out of registers and halve the speed.
enum MicroKernel {
  /// Rows of a tile.
  static let rows = 8

  /// Columns of a tile: three vectors.
  static let columns = 3 * laneCount

  /// Columns of a tile where 48 would waste much, as on heads of 64: two vectors.
  static let narrowColumns = 2 * laneCount

  /// Steps between one request for cache lines and the next.
  private static let stepsBetweenPrefetches = 16

  /// Writes, or adds to, a tile of 48 columns of the result.
  ///
  /// - Parameters:
  ///   - depth: The number of steps along the inner dimension.
  ///   - a: The first element of A; rows are `rowStride` apart and steps `stepStride`.
  ///   - b: A packed panel of B: 48 floats a step.
  ///   - next: The part of the next panel that is to come into the second-level cache meanwhile; nothing depends on it.
  ///   - result: The tile's first element; rows are `stride` apart.
  @inline(always)
  static func wide(
    depth: Int, a: UnsafePointer<Float>, rowStride: Int, stepStride: Int, b: UnsafePointer<Float>,
    next: UnsafePointer<Float>, result: UnsafeMutablePointer<Float>, stride: Int, adding: Bool
  ) {
    var (row0, row1, row2, row3) = (TileRow(), TileRow(), TileRow(), TileRow())
    var (row4, row5, row6, row7) = (TileRow(), TileRow(), TileRow(), TileRow())
    var a = a
    var b = b
    let end = b + depth &* columns
    // The result is needed at the end only, and the next panel later: asked for a few lines at a time, they come into the cache
    // without keeping the loads of this panel waiting. The result's rows are followed by those of the tiles below.
    var (target, next) = (result, next)
    while b < end {
      dga_prefetch(target)
      dga_prefetch(target + laneCount)
      dga_prefetch(target + 2 * laneCount)
      dga_prefetch_later(next)
      dga_prefetch_later(next + laneCount)
      target += stride
      next += 2 * laneCount
      let stop = min(end, b + stepsBetweenPrefetches * columns)
      while b < stop {
        let (b0, b1, b2) = (load(b), load(b + laneCount), load(b + 2 * laneCount))
        row0.add(a, b0, b1, b2)
        row1.add(a + rowStride, b0, b1, b2)
        row2.add(a + 2 &* rowStride, b0, b1, b2)
        row3.add(a + 3 &* rowStride, b0, b1, b2)
        row4.add(a + 4 &* rowStride, b0, b1, b2)
        row5.add(a + 5 &* rowStride, b0, b1, b2)
        row6.add(a + 6 &* rowStride, b0, b1, b2)
        row7.add(a + 7 &* rowStride, b0, b1, b2)
        a += stepStride
        b += columns
      }
    }
    row0.write(result, adding: adding)
    row1.write(result + stride, adding: adding)
    row2.write(result + 2 &* stride, adding: adding)
    row3.write(result + 3 &* stride, adding: adding)
    row4.write(result + 4 &* stride, adding: adding)
    row5.write(result + 5 &* stride, adding: adding)
    row6.write(result + 6 &* stride, adding: adding)
    row7.write(result + 7 &* stride, adding: adding)
  }

  /// As ``wide(depth:a:rowStride:stepStride:b:next:result:stride:adding:)`` for 32 columns; panels of B have 32 floats a step.
  @inline(always)
  static func narrow(
    depth: Int, a: UnsafePointer<Float>, rowStride: Int, stepStride: Int, b: UnsafePointer<Float>,
    result: UnsafeMutablePointer<Float>, stride: Int, adding: Bool
  ) {
    var (row0, row1, row2, row3) = (NarrowTileRow(), NarrowTileRow(), NarrowTileRow(), NarrowTileRow())
    var (row4, row5, row6, row7) = (NarrowTileRow(), NarrowTileRow(), NarrowTileRow(), NarrowTileRow())
    var a = a
    var b = b
    let end = b + depth &* narrowColumns
    while b < end {
      let (b0, b1) = (load(b), load(b + laneCount))
      row0.add(a, b0, b1)
      row1.add(a + rowStride, b0, b1)
      row2.add(a + 2 &* rowStride, b0, b1)
      row3.add(a + 3 &* rowStride, b0, b1)
      row4.add(a + 4 &* rowStride, b0, b1)
      row5.add(a + 5 &* rowStride, b0, b1)
      row6.add(a + 6 &* rowStride, b0, b1)
      row7.add(a + 7 &* rowStride, b0, b1)
      a += stepStride
      b += narrowColumns
    }
    row0.write(result, adding: adding)
    row1.write(result + stride, adding: adding)
    row2.write(result + 2 &* stride, adding: adding)
    row3.write(result + 3 &* stride, adding: adding)
    row4.write(result + 4 &* stride, adding: adding)
    row5.write(result + 5 &* stride, adding: adding)
    row6.write(result + 6 &* stride, adding: adding)
    row7.write(result + 7 &* stride, adding: adding)
  }
}

/// The sums of one row of a tile of 48 columns.
private struct TileRow {
  var sums = NarrowTileRow()
  var third = Lanes.zero

  @inline(always)
  mutating func add(_ a: UnsafePointer<Float>, _ b0: Lanes, _ b1: Lanes, _ b2: Lanes) {
    let factor = splat(a.pointee)
    sums.first = sums.first.addingProduct(factor, b0)
    sums.second = sums.second.addingProduct(factor, b1)
    third = third.addingProduct(factor, b2)
  }

  @inline(always)
  func write(_ target: UnsafeMutablePointer<Float>, adding: Bool) {
    sums.write(target, adding: adding)
    store(adding ? load(target + 2 * laneCount) + third : third, target + 2 * laneCount)
  }
}

/// The sums of one row of a tile of 32 columns.
private struct NarrowTileRow {
  var first = Lanes.zero
  var second = Lanes.zero

  @inline(always)
  mutating func add(_ a: UnsafePointer<Float>, _ b0: Lanes, _ b1: Lanes) {
    let factor = splat(a.pointee)
    first = first.addingProduct(factor, b0)
    second = second.addingProduct(factor, b1)
  }

  @inline(always)
  func write(_ target: UnsafeMutablePointer<Float>, adding: Bool) {
    if adding {
      store(load(target) + first, target)
      store(load(target + laneCount) + second, target + laneCount)
    } else {
      store(first, target)
      store(second, target + laneCount)
    }
  }
}
