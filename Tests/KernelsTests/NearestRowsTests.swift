import Kernels
import Testing

@Suite struct NearestRowsTests {
  @Test(
    "The nearest row is that of the naive search, the first of equal ones",
    arguments: [(1, 1, 1), (5, 3, 7), (97, 64, 256), (130, 65, 33), (33, 200, 400), (8, 3200, 16)])
  func nearest(shape: (Int, Int, Int)) {
    let (n, k, c) = shape
    // Integers of a few values: products are exact, and many are equal.
    let a = Table.integers(n, c, stream: 1)
    let b = Table.integers(k, c, stream: 2)
    let rows = Framed(a)
    let centers = Framed(b)
    let products = Framed(unsetRows: n, k)
    let largest = Framed(unsetRows: 1, n)
    var places = [Int32](repeating: -1, count: n)
    var span = places.mutableSpan
    nearestRows(rows.matrix, among: centers.matrix, products: products.matrix, largest: largest.matrix, places: &span)
    let expected = a * b.transposed
    for row in 0..<n {
      let values = (0..<k).map { expected[row, $0] }
      #expect(largest.contents()[0, row] == values.max())
      #expect(Int(places[row]) == values.firstIndex(of: values.max()!))
    }
  }

  @Test func `A row's nearest does not depend on the rows beside it, to the bit`() {
    let a = Framed(Table.noise(101, 256, stream: 3))
    let b = Framed(Table.noise(64, 256, stream: 4))
    func find(_ rows: Matrix) -> ([Int32], [Double]) {
      let products = Framed(unsetRows: rows.rows, 64)
      let largest = Framed(unsetRows: 1, rows.rows)
      var places = [Int32](repeating: -1, count: rows.rows)
      var span = places.mutableSpan
      nearestRows(rows, among: b.matrix, products: products.matrix, largest: largest.matrix, places: &span)
      return (places, largest.contents().values)
    }
    let whole = find(a.matrix)
    for row in 0..<101 {
      let single = find(a.matrix.rows(row, count: 1))
      #expect(single.0 == [whole.0[row]] && single.1 == [whole.1[row]])
    }
  }

  @Test(arguments: [1, 8, 31, 32, 64, 100, 256]) func `A sparse row times a table is the naive sum`(columns: Int) {
    let table = Table.integers(50, columns, stream: 5)
    let values = table.values.map { Float($0) }
    for entries in [0, 1, 2, 37] {
      let places = (0..<entries).map { Int32(($0 * 17 + 3) % 50) }
      let factors = (0..<entries).map { Float($0 % 5) - 2 }
      let result = Framed(unsetRows: 1, columns)
      sparseProduct(places.span, factors.span, by: values.span, into: result.matrix)
      let expected = Table(1, columns) { _, column in
        (0..<entries).reduce(0) { $0 + Double(factors[$1]) * table[Int(places[$1]), column] }
      }
      #expect(result.contents() == expected)
    }
  }

  @Test func `Sums in fixed point are the same in any order, and taking a row away undoes adding it`() {
    let rows = Framed(Table.noise(200, 37, stream: 6))
    func sums(_ order: [Int]) -> [Int64] {
      var sums = [Int64](repeating: 0, count: 40)
      for row in order {
        var span = sums.mutableSpan
        FixedPoint.add(rows.matrix.rows(row, count: 1), to: &span, at: 2)
      }
      return sums
    }
    let forward = sums(Array(0..<200))
    #expect(forward == sums((0..<200).reversed()))
    #expect(Array(forward[..<2]) == [0, 0] && forward[39] == 0)
    for column in 0..<37 {
      let expected = (0..<200).reduce(0.0) { $0 + Double(rows.matrix[$1, column]) }
      #expect(abs(Double(forward[2 + column]) / Double(FixedPoint.one) - expected) < 200 * 0x1p-30)
    }
    var rest = forward
    for row in 0..<200 {
      var span = rest.mutableSpan
      FixedPoint.add(rows.matrix.rows(row, count: 1), negated: true, to: &span, at: 2)
    }
    #expect(rest == [Int64](repeating: 0, count: 40))
  }
}
