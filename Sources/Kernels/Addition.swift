/// Adds every element of one view to the element of another at the same place.
public func add(_ source: Matrix, to target: Matrix) {
  precondition(source.rows == target.rows && source.columns == target.columns, "same shapes")
  precondition(source.isContiguous && target.isContiguous, "contiguous views")
  let (from, to) = (source.base, target.base)
  forEachVector(source.count) { i, n in store(load(to + i, n) + load(from + i, n), to + i, n) }
}
