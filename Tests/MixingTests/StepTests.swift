import Foundation
import Mixing
import Testing

@Suite struct StepTests {
  @Test(arguments: [1e-6, 1e-3, 0.1, 1])
  func `The rate moves weights by the divergence asked for, whatever the scale of the scores`(radius: Double) {
    var random = SplitMix(seed: 11)
    for scale in [1e-200, 1e-9, 1, 1e9, 1e200] {
      let weights = Weights(proportionalTo: (0..<50).map { _ in random.unit() + 0.01 })!
      let scores = (0..<50).map { _ in scale * (random.unit() - 0.5) }
      let rate = weights.rate(for: scores, radius: radius)
      let moved = weights.exponentiated(by: scores, rate: rate)
      // The divergence is a difference of numbers near 1, each right to 1e-16 or so.
      #expect(abs(moved.divergence(from: weights) - radius) < 1e-9 * radius + 1e-14)
    }
  }

  @Test func `Two domains are moved by the amount worked out by hand`() {
    // From (1/2, 1/2) to (3/4, 1/4): KL = 3/4 log(3/2) + 1/4 log(1/2), by a factor of 3.
    let radius = 0.75 * log(1.5) + 0.25 * log(0.5)
    #expect(abs(Weights.uniform(2).rate(for: [2, 1], radius: radius) - log(3)) < 1e-9)
  }

  @Test func `Equal scores move nothing, and a radius beyond reach moves everything to the best`() {
    #expect(Weights.uniform(3).rate(for: [4, 4, 4], radius: 0.1) == 0)
    let weights = Weights.uniform(3)
    let rate = weights.rate(for: [1, 2, 3], radius: 5)  // log 3 is the most
    #expect(weights.exponentiated(by: [1, 2, 3], rate: rate).values[2] == 1)
    #expect(Weights(proportionalTo: [0, 1, 1])!.rate(for: [9, 1, 1], radius: 0.1) == 0)
  }

  @Test func `Capped weights are below their limits, in proportion elsewhere, and sum to 1`() {
    let weights = Weights(proportionalTo: [6, 2, 1, 1])!
    // 0.6 is cut to 0.3; the other 0.7 are shared 2 : 1 : 1, which lifts the second above 0.3.
    let capped = weights.capped(by: [0.3, 0.3, 1, 1])
    for (value, expected) in zip(capped.values, [0.3, 0.3, 0.2, 0.2]) { #expect(abs(value - expected) < 1e-15) }
    #expect(weights.capped(by: [1, 1, 1, 1]) == weights)
    // No room: in proportion to the limits.
    for (value, expected) in zip(weights.capped(by: [0.1, 0.1, 0.1, 0.2]).values, [0.2, 0.2, 0.2, 0.4]) {
      #expect(abs(value - expected) < 1e-15)
    }
    // What is full is left alone even if all weight is there.
    #expect(Weights(proportionalTo: [1, 0])!.capped(by: [0, 1]).values == [0, 1])
  }

  @Test func `The cap is the nearest point by divergence`() {
    var random = SplitMix(seed: 17)
    let weights = Weights(proportionalTo: (0..<6).map { _ in random.unit() + 0.05 })!
    let limits = (0..<6).map { _ in 0.17 + 0.15 * random.unit() }
    let capped = weights.capped(by: limits)
    #expect(zip(capped.values, limits).allSatisfy { $0 <= $1 + 1e-15 })
    for _ in 0..<200 {
      // Another point below the limits, near or far.
      let other = Weights(proportionalTo: capped.values.map { $0 * (0.5 + random.unit()) })!.capped(by: limits)
      #expect(other.divergence(from: weights) >= capped.divergence(from: weights) - 1e-12)
    }
  }

  // MARK: Errors

  @Test(arguments: [UpdateRule.Caution.hold, .shrink])
  func `Scores that differ within their errors move nothing`(caution: UpdateRule.Caution) {
    for step in [UpdateRule.Step.eta(3), .divergence(0.1)] {
      var mixture = RuleMixture(domains: 3, following: UpdateRule(step: step, caution: caution))
      // Variance of the scores 1, mean square of the errors 1.44.
      let move = mixture.update(Scores(values: [1, 2, 3], errors: [1.2, 1.2, 1.2]))
      #expect(mixture.weights == .uniform(3) && move.spread == 0)
      _ = mixture.update(Scores(values: [1, 2, 3], errors: [0.1, 0.1, 0.1]))
      #expect(mixture.weights.values[2] > 0.34)
    }
  }

  @Test(arguments: [UpdateRule.Caution.hold, .shrink])
  func `Weights are kept to the bit while scores say nothing, floor or not`(caution: UpdateRule.Caution) {
    var mixture = RuleMixture(
      domains: 3, following: UpdateRule(step: .divergence(0.1), floor: 0.1, caution: caution))
    _ = mixture.update(Scores(values: [1, 2, 3], errors: [0.1, 0.1, 0.1]))
    let before = mixture.raw
    _ = mixture.update(Scores(values: [1, 2, 3], errors: [2, 2, 2]))
    #expect(mixture.raw == before && before.values[2] > 0.34)
  }

  @Test func `A mixture can start below limits`() {
    let method = DynamicGradientAlignment(UpdateRule(eta: 1), memory: 0, start: .uniform(4))
    let mixture = Mixture(method, limits: [0.1, 1, 1, 1])
    for (weight, expected) in zip(mixture.weights.values, [0.1, 0.3, 0.3, 0.3]) {
      #expect(abs(weight - expected) < 1e-15)
    }
    #expect(mixture.average == mixture.weights && mixture.raw == .uniform(4))
  }

  @Test func `Scores are shrunk as worked out by hand`() {
    // Mean 2, variance 1, noise (0.25 + 0.25 + 1) / 3 = 0.5: signal 0.5, so factors 2/3, 2/3, 1/3: scores 4/3, 2, 7/3.
    let rule = UpdateRule(step: .eta(1), caution: .shrink)
    var mixture = RuleMixture(domains: 3, following: rule)
    _ = mixture.update(Scores(values: [1, 2, 3], errors: [0.5, 0.5, 1]))
    let expected = Weights(proportionalTo: [exp(4.0 / 3), exp(2), exp(7.0 / 3)])!
    #expect(mixture.weights.distance(from: expected) < 1e-15)
  }

  @Test func `A score of which nothing is known counts as the mean`() {
    var mixture = RuleMixture(domains: 3, following: UpdateRule(step: .eta(1), caution: .shrink))
    _ = mixture.update(Scores(values: [1, 3, 1000], errors: [0, 0, .infinity]))
    let expected = Weights(proportionalTo: [exp(1), exp(3), exp(2)])!
    #expect(mixture.weights.distance(from: expected) < 1e-15)
  }

  @Test func `Limits hold for what is sampled and leave no trace in the raw weights`() {
    var free = Mixture(domains: 3, following: UpdateRule(eta: 2))
    var limited = Mixture(domains: 3, following: UpdateRule(eta: 2))
    for _ in 0..<3 {
      _ = free.update(alignment: [1, 0, 0])
      _ = limited.update(alignment: [1, 0, 0], limits: [0.4, 1, 1])
    }
    #expect(abs(limited.weights.values[0] - 0.4) < 1e-15)
    #expect(limited.raw == free.raw)
  }

  /// The paper's step moves weights by e^scale, a step by divergence does not notice.
  @Test func `A step by divergence does not depend on the scale of alignments`() {
    func distance(_ step: UpdateRule.Step, unit: Double) -> Double {
      var mixture = RuleMixture(domains: 4, following: UpdateRule(step: step))
      _ = mixture.update(Scores(values: [0.9, 0.2, 0.1, -0.3], unit: unit))
      return mixture.weights.distanceFromUniform
    }
    #expect(distance(.divergence(0.05), unit: 100) == distance(.divergence(0.05), unit: 0.01))
    #expect(distance(.eta(0.3), unit: 100) > 30 * distance(.eta(0.3), unit: 0.01))
  }
}
