import Foundation
import Mixing
import Testing

/// Sums by halves: error of log2(n) roundings, so that the test's own sum does not fail the tolerance.
func pairwiseSum(_ values: ArraySlice<Double>) -> Double {
  guard values.count > 2 else { return values.reduce(0, +) }
  let middle = (values.startIndex + values.endIndex) / 2
  return pairwiseSum(values[..<middle]) + pairwiseSum(values[middle...])
}

func isOnSimplex(_ weights: Weights) -> Bool {
  weights.values.allSatisfy { $0 >= 0 } && abs(pairwiseSum(weights.values[...]) - 1) < 1e-12
}

@Suite struct WeightsTests {
  @Test func `Shares of any scale become weights in proportion`() throws {
    let weights = try #require(Weights(proportionalTo: [3_000_000, 1_000_000, 0]))
    #expect(weights.values == [0.75, 0.25, 0])
    #expect(Weights(proportionalTo: [.leastNonzeroMagnitude, .leastNonzeroMagnitude])?.values == [0.5, 0.5])
    // The sum overflows, the shares do not.
    #expect(Weights(proportionalTo: [1e308, 1e308])?.values == [0.5, 0.5])
    #expect(Weights(proportionalTo: [1e308, 1e308, 1e308, 1e308])?.values == [0.25, 0.25, 0.25, 0.25])
  }

  @Test(arguments: [[], [0, 0], [1, -1e-9], [1, .nan], [1, .infinity]])
  func `Shares that are no mixture are refused`(shares: [Double]) {
    #expect(Weights(proportionalTo: shares) == nil)
  }

  @Test func `Distance and effective domains are those worked out by hand`() throws {
    let weights = try #require(Weights(proportionalTo: [2, 1, 1]))
    // |1/2 - 1/3| + 2 |1/4 - 1/3| = 1/3, halved; H = 1/2 log 2 + 1/2 log 4 = log 2^(3/2).
    #expect(abs(weights.distanceFromUniform - 1.0 / 6) < 1e-15)
    #expect(abs(weights.effectiveDomains - 2.8284271247461903) < 1e-14)
    let corner = try #require(Weights(proportionalTo: [0, 1, 0]))
    #expect(abs(corner.distanceFromUniform - 2.0 / 3) < 1e-15)
    #expect(corner.effectiveDomains == 1)
    #expect(abs(Weights.uniform(64).effectiveDomains - 64) < 1e-12)
  }

  @Test func `Mixing is exact at both ends and for equal weights`() throws {
    let a = try #require(Weights(proportionalTo: [0.1, 0.7, 0.3]))
    let b = try #require(Weights(proportionalTo: [5, 1e-9, 3]))
    #expect(a.mixed(with: b, share: 1) == b)
    #expect(a.mixed(with: a, share: 0.3) == a)
    #expect(Weights.uniform(7).mixed(with: .uniform(7), share: 0.1) == .uniform(7))
    let third = a.mixed(with: b, share: 1.0 / 3)
    for i in 0..<3 { #expect(abs(third.values[i] - (2 * a.values[i] + b.values[i]) / 3) < 1e-15) }
  }

  @Test func `A common offset of the scores changes nothing`() throws {
    let weights = try #require(Weights(proportionalTo: [1, 2, 3]))
    let scores = [0.25, -1, 0.5]  // and the offset are exact in binary, so their sums are too
    let moved = weights.exponentiated(by: scores, rate: 0.7)
    #expect(weights.exponentiated(by: scores.map { $0 + 4096 }, rate: 0.7) == moved)
  }

  @Test func `No finite score overflows, and a weight that vanished can return`() {
    let collapsed = Weights.uniform(3).exponentiated(by: [1e308, -1e308, 0], rate: 0.5)
    #expect(isOnSimplex(collapsed))
    #expect(collapsed.values[0] == 1 && collapsed.values[1] > 0)
    let returned = collapsed.exponentiated(by: [0, 1000, 0], rate: 1)
    #expect(isOnSimplex(returned))
    // From 2^-1022 = exp(-708.4) up by exp(1000).
    #expect(returned.values[1] > 0.999999)
    #expect(Weights.uniform(2).exponentiated(by: [1e308, -1e308], rate: 0) == .uniform(2))
  }

  @Test(arguments: [1, 2, 3, 7, 64, 1000, 100_000])
  func `Weights stay on the simplex however often they move`(domains: Int) {
    var random = SplitMix(seed: UInt64(domains))
    var sampled = Weights.uniform(domains)
    var raw = sampled
    for _ in 0..<(domains > 1000 ? 20 : 2000) {
      let scores = (0..<domains).map { _ in random.unit() * 6 - 3 }
      raw = raw.exponentiated(by: scores, rate: 0.5).mixed(with: .uniform(domains), share: 1e-4)
      sampled = sampled.mixed(with: raw, share: 0.1)
    }
    #expect(isOnSimplex(raw) && isOnSimplex(sampled))
    // The floor.
    #expect(raw.values.min()! >= 1e-4 / Double(domains) * (1 - 1e-12))
  }

  @Test func `Coding keeps every bit and refuses what is no mixture`() throws {
    let weights = try #require(Weights(proportionalTo: [1, 2, 4, 1e-300]))
    let data = try JSONEncoder().encode(weights)
    #expect(try JSONDecoder().decode(Weights.self, from: data) == weights)
    for text in ["[]", "[0.5,0.4]", "[1.5,-0.5]"] {
      #expect(throws: DecodingError.self) { try JSONDecoder().decode(Weights.self, from: Data(text.utf8)) }
    }
  }
}

/// A seeded source of test data (SplitMix64).
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Draws from [0, 1).
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}

@Suite struct RateTests {
  /// The rate by halving alone, in the order in which it has always been halved.
  private func halved(_ weights: Weights, _ scores: [Double], _ radius: Double) -> Double {
    let supported = weights.values.indices.filter { weights.values[$0] > 0 }
    let best = supported.map { scores[$0] }.max()!
    let spread = best - supported.map { scores[$0] }.min()!
    guard spread > 0, radius > 0 else { return 0 }
    func divergence(_ rate: Double) -> Double {
      var (total, weighted) = (0.0, 0.0)
      for i in supported {
        let score = (scores[i] - best) / spread
        let moved = weights.values[i] * exp(rate * score)
        total += moved
        weighted += moved * score
      }
      return rate * weighted / total - log(total)
    }
    var (low, high) = (0.0, 1500.0)
    guard divergence(high) > radius else { return high / spread }
    while low == 0 || high / low > 1 + 1e-12 {
      let middle = low == 0 ? high / 1024 : low.squareRoot() * high.squareRoot()
      if divergence(middle) > radius { high = middle } else { low = middle }
      if high < 1e-300 { return 0 }
    }
    return low / spread
  }

  @Test func `A good first guess changes no bit of the rate, only the time it takes`() throws {
    var random = SplitMix(seed: 4)
    for trial in 0..<3000 {
      let count = 2 + Int(random.next() % 40)
      let shares = (0..<count).map { _ in random.unit() < 0.1 ? 0 : random.unit() * random.unit() }
      guard let weights = Weights(proportionalTo: shares) else { continue }
      let scale = exp(20 * (random.unit() - 0.5))
      let scores = (0..<count).map { _ in scale * (trial % 3 == 0 ? random.unit().rounded() : random.unit()) }
      let radius = exp(12 * (random.unit() - 0.8))
      #expect(weights.rate(for: scores, radius: radius) == halved(weights, scores, radius), "\(trial)")
    }
  }
}
