import Kernels

/// A search for the nearest centers of many vectors, block by block: rows are gathered and meet all centers in one
/// matrix product.
struct NearestSearch: ~Copyable {
  private let dimensions: Int
  private var gathered = Arena(count: 0)
  private var products = Arena(count: 0)
  private var largest = Arena(count: 1024)
  private var places = [Int32](repeating: 0, count: 1024)

  init(dimensions: Int) { self.dimensions = dimensions }

  /// So many rows meet `centers` at once that their products stay in the cache.
  private static func blockRows(centers: Int) -> Int { min(1024, max(128, (1 << 20) / centers)) }

  /// Finds the nearest center of each of some rows of `vectors`.
  ///
  /// - Parameters:
  ///   - rows: The numbers of the rows, in ascending order.
  ///   - handicaps: What is taken off the inner products with each center, (1, centers).
  ///   - found: Is called for each in order: its place in `rows`, its vector, the center's number, the inner product,
  ///     less the handicap.
  mutating func run(
    _ vectors: Matrix, rows: ArraySlice<Int32>, centers: Matrix, handicaps: Matrix? = nil,
    found: (_ place: Int, _ vector: Matrix, _ center: Int, _ similarity: Float) -> Void
  ) {
    let atOnce = Self.blockRows(centers: centers.rows)
    if gathered.count < atOnce * dimensions { gathered = Arena(count: atOnce * dimensions) }
    if products.count < atOnce * centers.rows { products = Arena(count: atOnce * centers.rows) }
    for first in stride(from: rows.startIndex, to: rows.endIndex, by: atOnce) {
      let count = min(atOnce, rows.endIndex - first)
      let block = gather(vectors, rows[first..<first + count])
      let products = products.matrix(at: 0, rows: count, columns: centers.rows)
      let largest = largest.matrix(at: 0, rows: 1, columns: count)
      var span = places.mutableSpan
      nearestRows(
        block, among: centers, handicaps: handicaps, products: products, largest: largest, places: &span)
      for row in 0..<count {
        found(first + row, block.rows(row, count: 1), Int(places[row]), largest[0, row])
      }
    }
  }

  /// The rows side by side: a view of them where they are so already, else a copy.
  private func gather(_ vectors: Matrix, _ rows: ArraySlice<Int32>) -> Matrix {
    let first = Int(rows[rows.startIndex])
    // Rows are in ascending order, so that the ends tell whether any is left out.
    if Int(rows[rows.endIndex - 1]) - first == rows.count - 1 { return vectors.rows(first, count: rows.count) }
    let block = gathered.matrix(at: 0, rows: rows.count, columns: dimensions)
    for (place, row) in rows.enumerated() {
      copy(vectors.rows(Int(row), count: 1), to: block.rows(place, count: 1))
    }
    return block
  }
}
