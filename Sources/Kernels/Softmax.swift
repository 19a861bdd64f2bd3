/// Replaces `count` scores by e^(score - largest); returns the largest score and the sum of what was stored.
///
/// Subtracting the largest keeps every exponential in (0, 1]. Softmax is the result over the sum; the log-normaliser
/// is largest + log(sum).
func exponentiate(_ scores: UnsafeMutablePointer<Float>, _ count: Int) -> (largest: Float, sum: Float) {
  let largest = maximum(scores, count)
  return (largest, exponentiate(scores, count, largest: largest))
}

/// Replaces `count` scores by e^(score - largest); returns the sum of what was stored.
package func exponentiate(_ scores: UnsafeMutablePointer<Float>, _ count: Int, largest: Float) -> Float {
  var sum = Lanes.zero
  let shift = splat(largest)
  let full = count / laneCount * laneCount
  for i in stride(from: 0, to: full, by: laneCount) {
    let value = exponential(load(scores + i) - shift)
    store(value, scores + i)
    sum += value
  }
  if full < count {
    store(exponential(load(scores + full, count - full) - shift), scores + full, count - full)
    sum += load(scores + full, count - full)
  }
  return sum.sum()
}

/// Multiplies `count` values by `factor`.
func scale(_ values: UnsafeMutablePointer<Float>, _ count: Int, by factor: Float) {
  forEachVector(count) { i, n in store(load(values + i, n) * splat(factor), values + i, n) }
}

/// The largest of `count` values; negative infinity for none.
func maximum(_ values: UnsafePointer<Float>, _ count: Int) -> Float {
  var lanes = splat(-.infinity)
  let full = count / laneCount * laneCount
  var i = 0
  while i < full {
    let value = load(values + i)
    lanes = lanes.replacing(with: value, where: value .> lanes)
    i += laneCount
  }
  var result = lanes.max()
  while i < count {
    result = Swift.max(result, values[i])
    i += 1
  }
  return result
}
