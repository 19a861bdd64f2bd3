/// A row of a tile, or of a panel of B, in registers.
protocol TileRow {
  /// The number of floats.
  static var columns: Int { get }

  /// Zeros.
  init()

  /// What lies at an address.
  init(_ source: UnsafePointer<Float>)

  /// Adds the product of a number and a row.
  mutating func add(_ factor: Float, _ other: Self)

  /// Writes, or adds, the row to what lies at an address.
  func write(_ target: UnsafeMutablePointer<Float>, adding: Bool)
}

/// The usual row.
struct ThreeRegisters: TileRow {
  private var pair = TwoRegisters()
  private var third = Lanes.zero

  @inline(always)
  static var columns: Int { 3 * laneCount }

  @inline(always)
  init() {}

  @inline(always)
  init(_ source: UnsafePointer<Float>) {
    pair = TwoRegisters(source)
    third = load(source + TwoRegisters.columns)
  }

  @inline(always)
  mutating func add(_ factor: Float, _ other: Self) {
    pair.add(factor, other.pair)
    third = third.addingProduct(splat(factor), other.third)
  }

  @inline(always)
  func write(_ target: UnsafeMutablePointer<Float>, adding: Bool) {
    pair.write(target, adding: adding)
    let target = target + TwoRegisters.columns
    store(adding ? load(target) + third : third, target)
  }
}

/// The row of a narrow tile.
struct TwoRegisters: TileRow {
  private var first = Lanes.zero
  private var second = Lanes.zero

  @inline(always)
  static var columns: Int { 2 * laneCount }

  @inline(always)
  init() {}

  @inline(always)
  init(_ source: UnsafePointer<Float>) {
    first = load(source)
    second = load(source + laneCount)
  }

  @inline(always)
  mutating func add(_ factor: Float, _ other: Self) {
    let factor = splat(factor)
    first = first.addingProduct(factor, other.first)
    second = second.addingProduct(factor, other.second)
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
