/// An unowned row-major view of `rows` x `columns` floats, `stride` apart from row to row.
///
/// Views are handed to kernels; only kernels look behind them. Copying one copies no data.
public struct Matrix {
  let base: UnsafeMutablePointer<Float>

  /// The number of rows.
  public let rows: Int

  /// The number of columns.
  public let columns: Int

  /// The distance from one row to the next, in floats.
  public let stride: Int

  /// The view of `count` rows from `first` on.
  public func rows(_ first: Int, count: Int) -> Matrix {
    precondition(first >= 0 && count >= 0 && first + count <= rows, "rows outside the view")
    return Matrix(base: base + first * stride, rows: count, columns: columns, stride: stride)
  }

  /// The view of `count` columns from `first` on, in every row.
  public func columns(_ first: Int, count: Int) -> Matrix {
    precondition(first >= 0 && count >= 0 && first + count <= columns, "columns outside the view")
    return Matrix(base: base + first, rows: rows, columns: count, stride: stride)
  }

  /// The same rows with fewer columns, packed at the start of the same memory.
  public func reshaped(columns count: Int) -> Matrix {
    precondition(isContiguous && count <= columns, "a contiguous view that is no wider than before")
    return Matrix(base: base, rows: rows, columns: count, stride: count)
  }

  /// The number of elements.
  public var count: Int { rows * columns }

  /// Whether rows follow each other without a gap.
  var isContiguous: Bool { stride == columns || rows <= 1 }

  /// The element at (`row`, `column`), for set-up and tests; kernels do not come this way.
  public subscript(row: Int, column: Int) -> Float {
    get {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns, "element outside the view")
      return base[row * stride + column]
    }
    nonmutating set {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns, "element outside the view")
      base[row * stride + column] = newValue
    }
  }
}
