import Columns
import Glibc

/// A point of the probability simplex: one share a domain, none negative, together 1.
///
/// The sum is within 1e-12 of 1 for up to 100,000 domains, however often the weights have been moved.
public struct Weights: Sendable, Equatable {
  /// The shares, (domains); none negative, together 1.
  public let values: [Double]

  /// The number of domains, at least 1.
  public var count: Int { values.count }

  /// Creates equal weights.
  ///
  /// - Precondition: `domains` is at least 1.
  public static func uniform(_ domains: Int) -> Weights {
    precondition(domains > 0, "there is at least one domain")
    return Weights(unchecked: [Double](repeating: 1 / Double(domains), count: domains))
  }

  /// Creates equal weights of the domains that are included, and none of the others; nil if no domain is.
  public static func uniform(over included: [Bool]) -> Weights? {
    Weights(proportionalTo: included.map { $0 ? 1 : 0 })
  }

  /// Which domains have weight, (domains).
  public var support: [Bool] { values.map { $0 > 0 } }

  /// Creates weights in proportion to shares of any scale, such as token counts or a user's numbers.
  ///
  /// - Returns: `nil` if there are no shares, if one is negative or not finite, or if all are zero.
  public init?(proportionalTo shares: [Double]) {
    guard shares.allSatisfy({ $0 >= 0 && $0.isFinite }) else { return nil }
    let total = compensatedSum(shares)
    // The sum of large shares can overflow where each is finite.
    if !total.isFinite, let largest = shares.max() {
      self.init(proportionalTo: shares.map { $0 / largest })
      return
    }
    guard total > 0 else { return nil }
    self.init(unchecked: shares.map { $0 / total })
  }

  /// Divides by the sum, unless that is 1 but for rounding: weights at rest keep their bits.
  init(normalising values: [Double]) {
    let total = compensatedSum(values)
    self.init(unchecked: abs(total - 1) < 1e-14 ? values : values.map { $0 / total })
  }

  private init(unchecked values: [Double]) { self.values = values }

  /// Moves from these weights towards others: `(1 - share) self + share other`.
  ///
  /// Exact at both ends: a share of 1 returns `other`, and weights mixed with themselves do not change by a bit, so
  /// a rule that moves nothing leaves the sampling of a run as it was.
  ///
  /// - Precondition: the counts are equal and `share` is in `0...1`.
  public func mixed(with other: Weights, share: Double) -> Weights {
    precondition(other.count == count && (0...1).contains(share))
    // Each call rounds the sum by a few 1e-16. Dividing every time would disturb the last bits of weights at rest.
    return Weights(normalising: zip(values, other.values).map { $1 - (1 - share) * ($1 - $0) })
  }

  /// Multiplies each weight by `exp(rate * score)` and divides by the sum: one step of exponentiated gradient ascent.
  ///
  /// Works on logarithms with the maximum subtracted, so that no finite score overflows. A positive weight never
  /// becomes zero, from where it could not return; it stops at 2^-1022.
  ///
  /// - Precondition: the counts are equal; scores are finite; `rate` is finite and not negative.
  public func exponentiated(by scores: [Double], rate: Double) -> Weights {
    precondition(scores.count == count && rate >= 0 && rate.isFinite)
    let best = scores.max()!
    var moved = zip(values, scores).map { log($0) + rate * max($1 - best, -.greatestFiniteMagnitude) }
    let largest = moved.max()!
    for i in moved.indices { moved[i] = exp(moved[i] - largest) }
    let total = compensatedSum(moved)
    for i in moved.indices { moved[i] = values[i] > 0 ? max(moved[i] / total, .leastNormalMagnitude) : 0 }
    return Weights(unchecked: moved)
  }

  /// Total variation distance `1/2 sum |w_i - v_i|`: the share of draws that would have to fall on another domain.
  ///
  /// - Precondition: the counts are equal.
  public func distance(from other: Weights) -> Double {
    precondition(other.count == count)
    return zip(values, other.values).reduce(0) { $0 + abs($1.0 - $1.1) } / 2
  }

  /// Total variation distance from uniform weights, from 0 to `1 - 1 / count`.
  public var distanceFromUniform: Double { distance(from: .uniform(count)) }

  /// The number of equally weighted domains that are as spread out as these: `exp(-sum w_i log w_i)`, from 1 to
  /// `count`.
  public var effectiveDomains: Double {
    exp(-values.reduce(0) { $0 + ($1 > 0 ? $1 * log($1) : 0) })
  }
}

extension Weights: Codable {
  /// Reads an array of numbers.
  ///
  /// - Throws: `DecodingError.dataCorrupted` if the numbers are no point of the simplex.
  public init(from decoder: any Decoder) throws {
    let values = try Column<Double>(from: decoder).wrappedValue
    guard !values.isEmpty, values.allSatisfy({ $0 >= 0 }), abs(compensatedSum(values) - 1) < 1e-12 else {
      throw DecodingError.dataCorrupted(
        DecodingError.Context(
          codingPath: decoder.codingPath, debugDescription: "The weights are negative, missing or do not sum to 1."))
    }
    self.init(unchecked: values)
  }

  /// Writes the shares as an array of numbers.
  public func encode(to encoder: any Encoder) throws {
    try Column(wrappedValue: values).encode(to: encoder)
  }
}

/// Sums with Neumaier's compensation: error of a few ulp whatever the count, where a plain sum of 100,000 equal
/// weights is off by 2e-12.
func compensatedSum(_ values: [Double]) -> Double {
  var sum = 0.0
  var lost = 0.0
  for value in values {
    let next = sum + value
    lost += abs(sum) >= abs(value) ? (sum - next) + value : (value - next) + sum
    sum = next
  }
  return sum + lost
}
