/// Computes |a - b| / max(|a|, |b|) with Euclidean norms; NaN, which fails every comparison, when both vanish.
func relativeError(_ a: [Double], _ b: [Double]) -> Double {
  precondition(a.count == b.count)
  func norm(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }
  return norm(zip(a, b).map { $0 - $1 }) / max(norm(a), norm(b))
}
