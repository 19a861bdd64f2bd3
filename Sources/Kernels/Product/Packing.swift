import CIntrinsics

/// Copies of parts of the factors in the order in which the micro-kernel reads them.
enum Packing {
  /// Copies up to `width` columns of `depth` rows of B into a panel of `width` floats per row, zero where there are no
  /// columns; adds each column's sum to `sums` if that is given.
  static func straight(
    _ source: UnsafePointer<Float>, stride: Int, depth: Int, columns: Int, width: Int,
    into panel: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Float>?
  ) {
    if columns == width {
      return width == MicroKernel.columns
        ? straight(ThreeRegisters.self, source, stride: stride, depth: depth, into: panel, sums: sums)
        : straight(TwoRegisters.self, source, stride: stride, depth: depth, into: panel, sums: sums)
    }
    for first in Swift.stride(from: 0, to: width, by: laneCount) {
      let count = max(0, min(laneCount, columns - first))
      var sum = Lanes.zero
      for step in 0..<depth {
        let value = load(source + step &* stride + first, count)
        store(value, panel + step &* width + first)
        sum += value
      }
      if let sums, count > 0 {
        store(load(sums + first, count) + sum, sums + first, count)
      }
    }
  }

  /// The same for a whole panel, whose rows are read in one piece.
  @inline(always)
  private static func straight<Row: TileRow>(
    _ row: Row.Type, _ source: UnsafePointer<Float>, stride: Int, depth: Int, into panel: UnsafeMutablePointer<Float>,
    sums: UnsafeMutablePointer<Float>?
  ) {
    var sum = Row()
    for step in 0..<depth {
      let row = Row(source + step &* stride)
      row.write(panel + step &* Row.columns, adding: false)
      sum.add(1, row)
    }
    if let sums { sum.write(sums, adding: true) }
  }

  /// Copies up to `width` rows of `depth` elements into a panel as the columns of B, zero where there are no rows.
  static func transposed(
    _ source: UnsafePointer<Float>, stride: Int, depth: Int, columns: Int, width: Int,
    into panel: UnsafeMutablePointer<Float>
  ) {
    for first in Swift.stride(from: 0, to: width, by: 8) {
      let count = max(0, min(8, columns - first))
      let (from, to) = (source + first &* stride, panel + first)
      var step = 0
      if count == 8 {
        while step + 8 <= depth {
          transpose(from + step, stride: stride, into: to + step &* width, stride: width)
          step += 8
        }
      }
      while step < depth {
        for i in 0..<8 { to[step &* width + i] = i < count ? from[i &* stride + step] : 0 }
        step += 1
      }
    }
  }

  /// Copies up to a tile's rows of A as they lie, `depth` elements each, `target` apart; the missing rows become zero.
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

  /// Columns of A's transpose that are copied at once: whole cache lines, whole tiles, and a divisor of a block's rows.
  static let columnsAtOnce = 48

  /// Copies up to 48 columns of `depth` rows of A's transpose into blocks of a tile's rows a step, `target` apart, zero
  /// where there are no columns.
  static func columns(
    _ source: UnsafePointer<Float>, stride: Int, depth: Int, columns: Int, into block: UnsafeMutablePointer<Float>,
    target: Int
  ) {
    let rest = columns % MicroKernel.rows
    let whole = columns - rest
    for step in 0..<depth {
      let from = source + step &* stride
      // A few lines of every row: the processor does not foresee those of the rows to come.
      for line in Swift.stride(from: 0, to: columns, by: Arena.alignment) {
        dga_prefetch_later(from + 8 &* stride + line)
      }
      var to = block + step &* MicroKernel.rows
      for column in Swift.stride(from: 0, to: whole, by: MicroKernel.rows) {
        let part = UnsafeRawPointer(from + column).loadUnaligned(as: HalfLanes.self)
        UnsafeMutableRawPointer(to).storeBytes(of: part, as: HalfLanes.self)
        to += target
      }
      if rest > 0 {
        for i in 0..<MicroKernel.rows { to[i] = i < rest ? from[whole + i] : 0 }
      }
    }
  }

  /// Transposes 8 x 8 floats: pairs of rows are mixed element by element, then by twos, then by fours.
  private static func transpose(
    _ source: UnsafePointer<Float>, stride: Int, into target: UnsafeMutablePointer<Float>, stride targetStride: Int
  ) {
    func read(_ row: Int) -> Octet { UnsafeRawPointer(source + row &* stride).loadUnaligned(as: Octet.self) }
    // Each quartet holds columns 0 to 3 of rows 0 to 3 (or 4 to 7) in its low half and columns 4 to 7 in its high half.
    func quartets(_ first: Int) -> (Octet, Octet, Octet, Octet) {
      let (a, b, c, d) = (read(first), read(first + 1), read(first + 2), read(first + 3))
      let (ab0, ab2, cd0, cd2) = (mixLow(a, b), mixHigh(a, b), mixLow(c, d), mixHigh(c, d))
      return (joinLow(ab0, cd0), joinHigh(ab0, cd0), joinLow(ab2, cd2), joinHigh(ab2, cd2))
    }
    let (upper, lower) = (quartets(0), quartets(4))
    func write(_ column: Int, _ a: Octet, _ b: Octet) {
      UnsafeMutableRawPointer(target + column &* targetStride)
        .storeBytes(of: Octet(lowHalf: a.lowHalf, highHalf: b.lowHalf), as: Octet.self)
      UnsafeMutableRawPointer(target + (column + 4) &* targetStride)
        .storeBytes(of: Octet(lowHalf: a.highHalf, highHalf: b.highHalf), as: Octet.self)
    }
    write(0, upper.0, lower.0)
    write(1, upper.1, lower.1)
    write(2, upper.2, lower.2)
    write(3, upper.3, lower.3)
  }

  private typealias Octet = SIMD8<Float>

  /// In each half, the first two elements of both vectors in turn.
  @inline(always)
  private static func mixLow(_ a: Octet, _ b: Octet) -> Octet { Octet(a[0], b[0], a[1], b[1], a[4], b[4], a[5], b[5]) }

  /// In each half, the last two elements of both vectors in turn.
  @inline(always)
  private static func mixHigh(_ a: Octet, _ b: Octet) -> Octet { Octet(a[2], b[2], a[3], b[3], a[6], b[6], a[7], b[7]) }

  /// In each half, the first two elements of one vector, then of the other.
  @inline(always)
  private static func joinLow(_ a: Octet, _ b: Octet) -> Octet { Octet(a[0], a[1], b[0], b[1], a[4], a[5], b[4], b[5]) }

  /// In each half, the last two elements of one vector, then of the other.
  @inline(always)
  private static func joinHigh(_ a: Octet, _ b: Octet) -> Octet {
    Octet(a[2], a[3], b[2], b[3], a[6], a[7], b[6], b[7])
  }
}
