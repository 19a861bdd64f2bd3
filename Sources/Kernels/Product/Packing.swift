/// Copies of parts of the factors in the order in which the micro-kernel reads them.
enum Packing {
  /// Copies up to 48 columns of `depth` rows of B into a panel of 48 floats a row, zero where there are no columns; adds each
  /// column's sum to `sums` if that is given.
  static func straight(
    _ source: UnsafePointer<Float>, stride: Int, depth: Int, columns: Int, into panel: UnsafeMutablePointer<Float>,
    sums: UnsafeMutablePointer<Float>?
  ) {
    var (sum0, sum1, sum2) = (Lanes.zero, Lanes.zero, Lanes.zero)
    if columns == MicroKernel.columns {
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
    } else {
      let (n0, n1, n2) = (
        min(laneCount, columns), max(0, min(laneCount, columns - laneCount)), max(0, columns - 2 * laneCount)
      )
      for step in 0..<depth {
        let (from, to) = (source + step &* stride, panel + step &* MicroKernel.columns)
        let (x, y, z) = (load(from, n0), load(from + laneCount, n1), load(from + 2 * laneCount, n2))
        store(x, to)
        store(y, to + laneCount)
        store(z, to + 2 * laneCount)
        sum0 += x
        sum1 += y
        sum2 += z
      }
    }
    guard let sums else { return }
    forEachVector(columns) { i, n in
      store(load(sums + i, n) + (i == 0 ? sum0 : i == laneCount ? sum1 : sum2), sums + i, n)
    }
  }

  /// Copies up to 48 rows of `depth` elements into a panel as the columns of B, zero where there are no rows.
  static func transposed(
    _ source: UnsafePointer<Float>, stride: Int, depth: Int, columns: Int, into panel: UnsafeMutablePointer<Float>
  ) {
    var first = 0
    while first < MicroKernel.columns {
      let lanes = max(0, min(laneCount, columns - first))
      let from = source + first &* stride
      let to = panel + first
      var step = 0
      if lanes == laneCount {
        while step + laneCount <= depth {
          transpose(from + step, stride: stride, into: to + step &* MicroKernel.columns, stride: MicroKernel.columns)
          step += laneCount
        }
      }
      while step < depth {
        var value = Lanes.zero
        for lane in 0..<lanes { value[lane] = from[lane &* stride + step] }
        store(value, to + step &* MicroKernel.columns)
        step += 1
      }
      first += laneCount
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

  /// Copies up to 8 columns of `depth` rows of A's transpose, 8 floats a row, zero where there are no columns.
  static func columns(
    _ source: UnsafePointer<Float>, stride: Int, depth: Int, columns: Int, into block: UnsafeMutablePointer<Float>
  ) {
    if columns == MicroKernel.rows {
      for step in 0..<depth {
        let value = UnsafeRawPointer(source + step &* stride).loadUnaligned(as: SIMD8<Float>.self)
        UnsafeMutableRawPointer(block + step &* MicroKernel.rows).storeBytes(of: value, as: SIMD8<Float>.self)
      }
    } else {
      for step in 0..<depth {
        for column in 0..<MicroKernel.rows {
          block[step &* MicroKernel.rows + column] = column < columns ? source[step &* stride + column] : 0
        }
      }
    }
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
