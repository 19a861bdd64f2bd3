/// Copies of parts of the factors in the order in which the micro-kernel reads them.
enum Packing {
  /// Copies up to `width` columns of `depth` rows of B into a panel of `width` floats a row, zero where there are no columns; adds
  /// each column's sum to `sums` if that is given.
  static func straight(
    _ source: UnsafePointer<Float>, stride: Int, depth: Int, columns: Int, width: Int,
    into panel: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Float>?
  ) {
    if columns == MicroKernel.columns && width == columns {
      return straight(source, stride: stride, depth: depth, into: panel, sums: sums)
    }
    for first in Swift.stride(from: 0, to: width, by: laneCount) {
      let lanes = max(0, min(laneCount, columns - first))
      var sum = Lanes.zero
      for step in 0..<depth {
        let value = load(source + step &* stride + first, lanes)
        store(value, panel + step &* width + first)
        sum += value
      }
      if let sums, lanes > 0 { store(load(sums + first, lanes) + sum, sums + first, lanes) }
    }
  }

  /// The same for a whole panel of 48 columns, whose rows are read in one piece.
  private static func straight(
    _ source: UnsafePointer<Float>, stride: Int, depth: Int, into panel: UnsafeMutablePointer<Float>,
    sums: UnsafeMutablePointer<Float>?
  ) {
    var (sum0, sum1, sum2) = (Lanes.zero, Lanes.zero, Lanes.zero)
    for step in 0..<depth {
      let (from, to) = (source + step &* stride, panel + step &* MicroKernel.columns)
      let (x, y, z) = (load(from), load(from + laneCount), load(from + 2 * laneCount))
      store(x, to)
      store(y, to + laneCount)
      store(z, to + 2 * laneCount)
      sum0 += x
      sum1 += y
      sum2 += z
    }
    guard let sums else { return }
    store(load(sums) + sum0, sums)
    store(load(sums + laneCount) + sum1, sums + laneCount)
    store(load(sums + 2 * laneCount) + sum2, sums + 2 * laneCount)
  }

  /// Copies up to `width` rows of `depth` elements into a panel as the columns of B, zero where there are no rows.
  static func transposed(
    _ source: UnsafePointer<Float>, stride: Int, depth: Int, columns: Int, width: Int,
    into panel: UnsafeMutablePointer<Float>
  ) {
    for first in Swift.stride(from: 0, to: width, by: laneCount) {
      let lanes = max(0, min(laneCount, columns - first))
      let from = source + first &* stride
      let to = panel + first
      var step = 0
      if lanes == laneCount {
        while step + laneCount <= depth {
          transpose(from + step, stride: stride, into: to + step &* width, stride: width)
          step += laneCount
        }
      }
      while step < depth {
        var value = Lanes.zero
        for lane in 0..<lanes { value[lane] = from[lane &* stride + step] }
        store(value, to + step &* width)
        step += 1
      }
    }
  }

  /// Copies up to 8 rows of A as they lie, `depth` elements each, `target` apart; the missing rows become zero.
  static func rows(
    _ source: UnsafePointer<Float>, stride: Int, depth: Int, rows: Int, into block: UnsafeMutablePointer<Float>,
    target: Int
  ) {
    for row in 0..<MicroKernel.rows {
      let to = block + row &* target
      if row < rows {
        to.update(from: source + row &* stride, count: depth)
      } else {
        to.update(repeating: 0, count: depth)
      }
    }
  }

  /// Copies up to 16 columns of `depth` rows of A's transpose into two blocks of 8 floats a row, `target` apart, zero where there
  /// are no columns. Sixteen at once, since they share a cache line.
  static func columns(
    _ source: UnsafePointer<Float>, stride: Int, depth: Int, columns: Int, into block: UnsafeMutablePointer<Float>,
    target: Int
  ) {
    if columns == laneCount {
      for step in 0..<depth { split(load(source + step &* stride), block + step &* MicroKernel.rows, target) }
    } else {
      for step in 0..<depth { split(load(source + step &* stride, columns), block + step &* MicroKernel.rows, target) }
    }
  }

  /// Writes the two halves of a vector to places that are `distance` apart.
  @inline(always)
  private static func split(_ value: Lanes, _ place: UnsafeMutablePointer<Float>, _ distance: Int) {
    UnsafeMutableRawPointer(place).storeBytes(of: value.lowHalf, as: SIMD8<Float>.self)
    UnsafeMutableRawPointer(place + distance).storeBytes(of: value.highHalf, as: SIMD8<Float>.self)
  }

  /// Transposes 16 x 16 floats by four perfect shuffles of sixteen vectors.
  private static func transpose(
    _ source: UnsafePointer<Float>, stride: Int, into target: UnsafeMutablePointer<Float>, stride targetStride: Int
  ) {
    var (r0, r1, r2, r3) = (load(source), load(source + stride), load(source + 2 &* stride), load(source + 3 &* stride))
    let second = source + 4 &* stride
    var (r4, r5, r6, r7) = (load(second), load(second + stride), load(second + 2 &* stride), load(second + 3 &* stride))
    let third = source + 8 &* stride
    var (r8, r9, r10, r11) = (load(third), load(third + stride), load(third + 2 &* stride), load(third + 3 &* stride))
    let fourth = source + 12 &* stride
    var (r12, r13, r14, r15) = (
      load(fourth), load(fourth + stride), load(fourth + 2 &* stride), load(fourth + 3 &* stride)
    )
    for _ in 0..<4 {
      (r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15) = (
        mixLow(r0, r8), mixHigh(r0, r8), mixLow(r1, r9), mixHigh(r1, r9),
        mixLow(r2, r10), mixHigh(r2, r10), mixLow(r3, r11), mixHigh(r3, r11),
        mixLow(r4, r12), mixHigh(r4, r12), mixLow(r5, r13), mixHigh(r5, r13),
        mixLow(r6, r14), mixHigh(r6, r14), mixLow(r7, r15), mixHigh(r7, r15)
      )
    }
    func write(_ first: Int, _ a: Lanes, _ b: Lanes, _ c: Lanes, _ d: Lanes) {
      let row = target + first &* targetStride
      store(a, row)
      store(b, row + targetStride)
      store(c, row + 2 &* targetStride)
      store(d, row + 3 &* targetStride)
    }
    write(0, r0, r1, r2, r3)
    write(4, r4, r5, r6, r7)
    write(8, r8, r9, r10, r11)
    write(12, r12, r13, r14, r15)
  }

  /// The low halves of two vectors, their elements in turn.
  @inline(always)
  private static func mixLow(_ a: Lanes, _ b: Lanes) -> Lanes {
    var result = Lanes()
    result.evenHalf = a.lowHalf
    result.oddHalf = b.lowHalf
    return result
  }

  /// The high halves of two vectors, their elements in turn.
  @inline(always)
  private static func mixHigh(_ a: Lanes, _ b: Lanes) -> Lanes {
    var result = Lanes()
    result.evenHalf = a.highHalf
    result.oddHalf = b.highHalf
    return result
  }
}
