/// Finds for every row the row of `centers` with the largest inner product, of equal ones the first.
///
/// With `handicaps` (1, K), those are taken off the products first.
///
/// Shapes: rows (N, C), centers (K, C), products (N, K) for working memory, largest (1, N); `places` has N elements.
/// Products are one matrix product, whose tiles are searched while they are in the cache. A row's result does not
/// depend on the rows beside it.
/// - Precondition: All elements are finite.
public func nearestRows(
  _ rows: Matrix, among centers: Matrix, handicaps: Matrix? = nil, products: Matrix, largest: Matrix,
  places: inout MutableSpan<Int32>
) {
  precondition(largest.columns >= rows.rows && places.count >= rows.rows && centers.rows > 0, "one result per row")
  places.withUnsafeMutableBufferPointer { places in
    guard let places = places.baseAddress else { return }
    largest.base.update(repeating: -.infinity, count: rows.rows)
    places.update(repeating: 0, count: rows.rows)
    let keep = KeepLargest(largest: largest.base, places: places)
    if let handicaps {
      product(
        rows, transposeA: false, by: centers, transposeB: true, into: products, adding: false,
        finish: KeepLargestOfHandicapped(handicaps: handicaps.base, keep: keep))
    } else {
      product(
        rows, transposeA: false, by: centers, transposeB: true, into: products, adding: false, finish: keep)
    }
  }
}

/// Keeps the largest element of each row and the column that it is in; columns come in ascending order.
private struct KeepLargest: Finish {
  let largest: UnsafeMutablePointer<Float>
  let places: UnsafeMutablePointer<Int32>

  @inline(always)
  func callAsFunction(_ values: UnsafeMutablePointer<Float>, row: Int, column: Int, count: Int) {
    let value = maximum(values, count)
    guard value > largest[row] else { return }
    var place = 0
    while place < count - 1, values[place] != value { place += 1 }
    largest[row] = value
    places[row] = Int32(truncatingIfNeeded: column + place)
  }
}

/// The same after something was taken off each column.
private struct KeepLargestOfHandicapped: Finish {
  let handicaps: UnsafePointer<Float>
  let keep: KeepLargest

  @inline(always)
  func callAsFunction(_ values: UnsafeMutablePointer<Float>, row: Int, column: Int, count: Int) {
    let handicaps = handicaps + column
    forEachVector(count) { i, n in store(load(values + i, n) - load(handicaps + i, n), values + i, n) }
    keep(values, row: row, column: column, count: count)
  }
}

/// Computes the inner product of every row with every row of `centers`.
///
/// Shapes: rows (N, C), centers (K, C), result (N, K).
public func innerProducts(_ rows: Matrix, _ centers: Matrix, into result: Matrix) {
  product(rows, transposeA: false, by: centers, transposeB: true, into: result, adding: false, finish: Plain())
}
