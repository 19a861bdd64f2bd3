/// Elements in a block whose partial sum is kept in Float; block sums are added in Double.
///
/// A block of 4,096 over at least 16 running sums adds at most 256 terms each, so its rounding error stays below
/// 256 x 2^-24 = 2e-5 of the sum of magnitudes, and the total does not lose more however long the arena is.
private let block = 4096

/// The inner product of two arenas or parts of them, blocks in Float and their sums in Double.
///
/// The order of additions depends on the length alone, so equal data give equal bits.
public func dot(_ a: Matrix, _ b: Matrix) -> Double {
  precondition(a.rows == b.rows && a.columns == b.columns && a.isContiguous && b.isContiguous, "same contiguous shapes")
  var total = 0.0
  for first in stride(from: 0, to: a.count, by: block) {
    total += Double(dot(a.base + first, b.base + first, min(block, a.count - first)))
  }
  return total
}

/// The sum of squares, in the order of ``dot(_:_:)``.
public func sumOfSquares(_ a: Matrix) -> Double { dot(a, a) }

/// The inner product of two runs of `count` floats.
func dot(_ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ count: Int) -> Float {
  var even = Lanes.zero
  var odd = Lanes.zero
  var i = 0
  while i + 2 * laneCount <= count {
    even = even.addingProduct(load(a + i), load(b + i))
    odd = odd.addingProduct(load(a + i + laneCount), load(b + i + laneCount))
    i += 2 * laneCount
  }
  while i < count {
    let lanes = min(laneCount, count - i)
    even = even.addingProduct(load(a + i, lanes), load(b + i, lanes))
    i += lanes
  }
  return (even + odd).sum()
}

/// The sum of all elements, in Double.
public func sum(_ a: Matrix) -> Double {
  precondition(a.isContiguous, "a contiguous view")
  var total = 0.0
  for i in 0..<a.count { total += Double(a.base[i]) }
  return total
}

/// Sets every element to zero.
public func clear(_ a: Matrix) {
  precondition(a.isContiguous, "a contiguous view")
  a.base.update(repeating: 0, count: a.count)
}

/// Multiplies every element by `factor`.
public func scale(_ a: Matrix, by factor: Float) {
  precondition(a.isContiguous, "a contiguous view")
  scale(a.base, a.count, by: factor)
}

/// Copies the elements of one view over those of another of the same shape.
public func copy(_ source: Matrix, to target: Matrix) {
  precondition(source.rows == target.rows && source.columns == target.columns, "same shapes")
  precondition(source.isContiguous && target.isContiguous, "contiguous views")
  target.base.update(from: source.base, count: source.count)
}

/// Copies values over the elements of a view, row by row.
public func copy(_ values: Span<Float>, to target: Matrix) {
  precondition(values.count == target.count && target.isContiguous, "as many values as elements, side by side")
  values.withUnsafeBufferPointer { if let base = $0.baseAddress { target.base.update(from: base, count: $0.count) } }
}

/// The elements of a view, row by row.
public func elements(of source: Matrix) -> [Float] {
  precondition(source.isContiguous, "a contiguous view")
  return Array(UnsafeBufferPointer(start: source.base, count: source.count))
}
