/// Writes one row of the product of a sparse matrix with a dense one: the sum of rows of `table`, each times its
/// factor.
///
/// Shapes: `places` and `factors` as many as the sparse row has entries, table (V, C), result (1, C). Entries are added
/// in their order.
/// - Precondition: Every place is in 0..<V.
public func sparseProduct(_ places: Span<Int32>, _ factors: Span<Float>, by table: Span<Float>, into result: Matrix) {
  let columns = result.columns
  precondition(places.count == factors.count && result.rows == 1, "a factor for each place, and one row")
  let rows = table.count / max(columns, 1)
  for i in 0..<places.count { precondition(places[i] >= 0 && Int(places[i]) < rows, "a place outside the table") }
  table.withUnsafeBufferPointer { table in
    places.withUnsafeBufferPointer { places in
      factors.withUnsafeBufferPointer { factors in
        guard let table = table.baseAddress else { return result.base.update(repeating: 0, count: columns) }
        var column = 0
        while column + 4 * laneCount <= columns {
          addFourVectors(places, factors, table + column, stride: columns, into: result.base + column)
          column += 4 * laneCount
        }
        while column < columns {
          let lanes = min(laneCount, columns - column)
          var sum = Lanes.zero
          for i in 0..<places.count {
            sum = sum.addingProduct(splat(factors[i]), load(table + Int(places[i]) &* columns + column, lanes))
          }
          store(sum, result.base + column, lanes)
          column += lanes
        }
      }
    }
  }
}

/// Four vectors of the result, which stay in registers.
@inline(always)
private func addFourVectors(
  _ places: UnsafeBufferPointer<Int32>, _ factors: UnsafeBufferPointer<Float>, _ table: UnsafePointer<Float>,
  stride: Int, into result: UnsafeMutablePointer<Float>
) {
  var (sum0, sum1, sum2, sum3) = (Lanes.zero, Lanes.zero, Lanes.zero, Lanes.zero)
  for i in 0..<places.count {
    let row = table + Int(places[i]) &* stride
    let factor = splat(factors[i])
    sum0 = sum0.addingProduct(factor, load(row))
    sum1 = sum1.addingProduct(factor, load(row + laneCount))
    sum2 = sum2.addingProduct(factor, load(row + 2 * laneCount))
    sum3 = sum3.addingProduct(factor, load(row + 3 * laneCount))
  }
  store(sum0, result)
  store(sum1, result + laneCount)
  store(sum2, result + 2 * laneCount)
  store(sum3, result + 3 * laneCount)
}
