import Kernels
import Testing

/// A row-major matrix in Double: what the naive twins of the kernels work on.
struct Table: Equatable {
  let rows: Int
  let columns: Int
  var values: [Double]

  /// Fills a table element by element.
  init(_ rows: Int, _ columns: Int, _ element: (_ row: Int, _ column: Int) -> Double = { _, _ in 0 }) {
    self.rows = rows
    self.columns = columns
    values = []
    values.reserveCapacity(rows * columns)
    for row in 0..<rows { for column in 0..<columns { values.append(element(row, column)) } }
  }

  subscript(row: Int, column: Int) -> Double {
    get { values[row * columns + column] }
    set { values[row * columns + column] = newValue }
  }

  /// Hashed integers from -8 to 8: sums of thousands of their products are exact in Float, in whatever order.
  static func integers(_ rows: Int, _ columns: Int, stream: Int) -> Table {
    Table(rows, columns) { Double(hash(stream, $0 * columns + $1) % 17) - 8 }
  }

  /// Hashed numbers of [centre - spread, centre + spread), each exact in Float.
  static func noise(_ rows: Int, _ columns: Int, stream: Int, spread: Double = 1, centre: Double = 0) -> Table {
    Table(rows, columns) {
      let unit = Double(hash(stream, $0 * columns + $1) >> 11) * 0x1p-52 - 1
      return Double(Float(centre + spread * unit))
    }
  }

  /// Computes splitmix64's output for the state (stream, index).
  private static func hash(_ stream: Int, _ index: Int) -> UInt64 {
    var z = (UInt64(stream) << 32 | UInt64(index)) &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  // MARK: Algebra

  var transposed: Table { Table(columns, rows) { self[$1, $0] } }
  var magnitudes: Table { map(abs) }
  var columnSums: Table { Table(1, columns) { _, column in (0..<rows).reduce(0) { $0 + self[$1, column] } } }

  func map(_ transform: (Double) -> Double) -> Table {
    var result = self
    for i in values.indices { result.values[i] = transform(values[i]) }
    return result
  }

  /// The same single row, `count` times.
  func repeated(_ count: Int) -> Table { Table(count, columns) { self[0, $1] } }

  static func + (a: Table, b: Table) -> Table { Table(a.rows, a.columns) { a[$0, $1] + b[$0, $1] } }
  static func * (factor: Double, a: Table) -> Table { a.map { factor * $0 } }

  /// The matrix product.
  static func * (a: Table, b: Table) -> Table {
    precondition(a.columns == b.rows)
    return Table(a.rows, b.columns) { row, column in
      (0..<a.columns).reduce(0) { $0 + a[row, $1] * b[$1, column] }
    }
  }
}

/// A table's values in Float in the midst of an arena of markers.
///
/// The view starts at an odd offset and its rows are `gap` floats apart, so that a kernel that takes a stride for a
/// width, or writes a full vector over a tail, destroys a marker or reads one.
struct Framed: ~Copyable {
  private let arena: Arena
  let matrix: Matrix

  private static let margin = 19
  private static let marker: Float = -12_345.5

  init(_ table: Table, gap: Int = 3) {
    let stride = table.columns + gap
    arena = Arena(count: 2 * Self.margin + table.rows * stride)
    for i in 0..<arena.count { arena.row[0, i] = Self.marker }
    matrix = arena.matrix(at: Self.margin, rows: table.rows, columns: stride).columns(0, count: table.columns)
    for row in 0..<table.rows {
      for column in 0..<table.columns { matrix[row, column] = Float(table[row, column]) }
    }
  }

  /// A view for results: NaN, which shows wherever it is read or not overwritten.
  init(unsetRows rows: Int, _ columns: Int, gap: Int = 3) {
    self.init(Table(rows, columns) { _, _ in .nan }, gap: gap)
  }

  /// Reads the view, and reports an issue if a marker around it is gone.
  func contents(sourceLocation: SourceLocation = #_sourceLocation) -> Table {
    let isFrameIntact = (0..<arena.count).allSatisfy { i in
      let (row, column) = (i - Self.margin).quotientAndRemainder(dividingBy: matrix.stride)
      let isInside = i >= Self.margin && row < matrix.rows && column < matrix.columns
      return isInside || arena.row[0, i] == Self.marker
    }
    #expect(isFrameIntact, "a kernel wrote outside its view", sourceLocation: sourceLocation)
    return Table(matrix.rows, matrix.columns) { Double(matrix[$0, $1]) }
  }
}

// MARK: Rounding

/// The relative error of one rounding to Float is at most this.
let unitRoundoff = 0x1p-24

/// The relative error, in terms of the sum of magnitudes, of a result that a chain of `count` roundings leads to.
///
/// It is at most count u, and for independent roundings at most 6 sqrt(count) u but once in 10^7 elements (Higham and
/// Mary, "A new approach to probabilistic rounding error analysis", 2019, theorem 2.4 with lambda = 6).
func roundoff(_ count: Int) -> Double {
  min(Double(count), 6 * Double(count).squareRoot()) * unitRoundoff
}

/// Finds the largest distance of an element from the expected one as a share of its bound: at most 1 if all keep
/// theirs.
func worstShare(_ result: Table, of bounds: Table, from expected: Table) -> Double {
  precondition(result.values.count == expected.values.count && bounds.values.count == expected.values.count)
  var worst = 0.0
  for i in result.values.indices where result.values[i] != expected.values[i] {
    let share = abs(result.values[i] - expected.values[i]) / bounds.values[i]
    worst = share.isNaN ? .infinity : max(worst, share)
  }
  return worst
}
