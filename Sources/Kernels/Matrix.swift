/// An unowned row-major view of `rows` x `columns` floats, `stride` apart from row to row.
///
/// Views are handed to kernels; only kernels look behind them. Copying one copies no data.
public struct Matrix: BitwiseCopyable {
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

  /// A contiguous view of another shape over the start of the same memory.
  public func reshaped(rows newRows: Int, columns newColumns: Int) -> Matrix {
    precondition(isContiguous && newRows * newColumns <= count, "the new shape does not fit in the view")
    return Matrix(base: base, rows: newRows, columns: newColumns, stride: newColumns)
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
