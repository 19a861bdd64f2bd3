import Foundation

/// A mean over repetitions with its standard error.
public struct Estimate: Sendable, Equatable {
  /// The number of values.
  public let count: Int
  /// Their mean.
  public let mean: Double
  /// The standard error of the mean, `sqrt(sum (x - mean)^2 / (n - 1) / n)`; nil for a single value.
  public let standardError: Double?

  /// The estimate from some values; nil if there is none.
  ///
  /// - Parameter scale: The size of the numbers that the values were computed from, if that is larger: values that
  ///   differ by its rounding only count as equal.
  public init?(_ values: [Double], scale: Double = 0) {
    guard !values.isEmpty else { return nil }
    count = values.count
    let mean = values.reduce(0, +) / Double(values.count)
    self.mean = mean
    guard values.count > 1 else {
      standardError = nil
      return
    }
    let largest = values.reduce(scale) { max($0, abs($1)) }
    let isConstant = values.max()! - values.min()! <= 1e-14 * largest
    let squares: Double = isConstant ? 0 : values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    standardError = (squares / Double(count - 1) / Double(count)).squareRoot()
  }
}

/// The mean difference of pairs, such as two methods with the same seeds, and how sure it is.
public struct PairedDifference: Sendable, Equatable {
  /// The mean of the differences and its standard error.
  public let difference: Estimate
  /// The mean over its standard error; nil for a single pair, or if all differences are equal.
  public let t: Double?
  /// The probability of a |t| at least as large if there were no difference: Student's t with n - 1 degrees of freedom.
  public let p: Double?

  /// Compares pairs of values: the difference is the first minus the second; nil if there is no pair.
  public init?(_ pairs: [(value: Double, baseline: Double)]) {
    let scale = pairs.reduce(0) { max($0, abs($1.value), abs($1.baseline)) }
    guard let difference = Estimate(pairs.map { $0.value - $0.baseline }, scale: scale) else { return nil }
    self.difference = difference
    guard let error = difference.standardError, error > 0 else {
      (t, p) = (nil, nil)
      return
    }
    let ratio = difference.mean / error
    (t, p) = (ratio, StudentT.twoSided(ratio, degreesOfFreedom: difference.count - 1))
  }

  /// How sure the difference is, in the words that go with p.
  public var certainty: String {
    if difference.count == 1 { return "one pair: no error known" }
    guard let p else { return difference.mean == 0 ? "equal in all pairs" : "the same difference in all pairs" }
    let direction = difference.mean < 0 ? "lower" : "higher"
    return switch p {
    case ..<0.01: "\(direction), strong evidence"
    case ..<0.05: "\(direction), evidence"
    case ..<0.1: "\(direction), weak evidence"
    default: "no evidence of a difference"
    }
  }
}

/// Student's distribution.
package enum StudentT {
  /// The probability of a value beyond `t` on either side.
  ///
  /// `I_x(n/2, 1/2)` with `x = n / (n + t^2)`, Abramowitz and Stegun, 26.7.1.
  package static func twoSided(_ t: Double, degreesOfFreedom: Int) -> Double {
    let n = Double(degreesOfFreedom)
    return IncompleteBeta.regularized(n / (n + t * t), n / 2, 0.5)
  }
}

/// The regularized incomplete beta function.
package enum IncompleteBeta {
  /// `I_x(a, b)` for x in 0...1 and positive a and b.
  ///
  /// The continued fraction of DLMF 8.17.22, which converges fast below `(a + 1) / (a + b + 2)`; above, the symmetry
  /// `I_x(a, b) = 1 - I_{1-x}(b, a)` leads there.
  package static func regularized(_ x: Double, _ a: Double, _ b: Double) -> Double {
    guard x > 0 else { return 0 }
    guard x < 1 else { return 1 }
    guard x <= (a + 1) / (a + b + 2) else { return 1 - regularized(1 - x, b, a) }
    let logBeta: Double = lgamma(a) + lgamma(b) - lgamma(a + b)
    let logPowers: Double = a * log(x) + b * log(1 - x)
    return exp(logPowers - logBeta) * fraction(x, a, b) / a
  }

  /// The continued fraction `1 / (1 + d1 / (1 + d2 / (1 + ...)))` by Lentz's method.
  private static func fraction(_ x: Double, _ a: Double, _ b: Double) -> Double {
    let tiny = 1e-300
    var (value, c, d) = (tiny, tiny, 0.0)
    for term in 0..<10_000 {
      let numerator = numerator(of: term, x, a, b)
      d = 1 + numerator * d
      c = 1 + numerator / c
      if abs(d) < tiny { d = tiny }
      if abs(c) < tiny { c = tiny }
      d = 1 / d
      value *= c * d
      if abs(c * d - 1) < 1e-15 { break }
    }
    return value
  }

  /// The numerators of the fraction: 1 first, then d1, d2, ...
  private static func numerator(of term: Int, _ x: Double, _ a: Double, _ b: Double) -> Double {
    guard term > 0 else { return 1 }
    let m = Double(term / 2)
    let double = a + 2 * m
    if term % 2 == 0 { return m * (b - m) * x / ((double - 1) * double) }
    return -(a + m) * (a + b + m) * x / (double * (double + 1))
  }
}
