import Mixing
import Testing

/// What many runs on a basis of distributions end with, by chance and not.
@Suite struct BasisTrialTests {
  /// The coefficients that updates of 32 sequences each lead to, with noise of a variance of 1 in every score.
  ///
  /// - Parameter score: The true score of a domain.
  private static func coefficients(
    _ basis: [String], _ run: RunFacts, seed: Int, updates: Int, score: (Int) -> Double = { _ in 0 }
  ) throws -> Weights {
    var random = SplitMix(seed: UInt64(seed))
    var method = try DistributionReweighting(.init(given: ["basis": basis]), for: run)
    var (weights, coefficients) = (method.start, Weights.uniform(basis.count))
    for _ in 0..<updates {
      let domains = (0..<32).map { _ in
        var place = random.unit()
        return weights.values.firstIndex {
          place -= $0
          return place < 0
        } ?? 0
      }
      var observations = Observations(.training, step: 1, domains: domains)
      observations.scores = [
        Observations.Scores(
          values: domains.map { score($0) + (0..<12).reduce(-6) { sum, _ in sum + random.unit() } })
      ]
      method.observe(observations)
      let move = try method.moved(from: weights)
      (weights, coefficients) = (move.weights, try #require(move.coefficients).weights)
    }
    return coefficients
  }

  /// As for domains: the mean over trials is at most 1.25, and few are above 2. Three of the five distributions are
  /// nearly the same, so that their errors are.
  @Test func `Distributions that are alike keep their coefficients, however much they overlap`() throws {
    let counts: [Double] = [9, 8, 7, 6, 5, 4, 3, 2, 1, 1, 1, 1]
    let run = ImportanceTests.facts(
      ["t": counts, "u": counts.map { $0 + 0.1 }, "v": counts.map { $0 + 0.2 }], tokens: counts.indices.map { 10 + $0 },
      targets: [])
    let largest = try (1...200).map { seed in
      5 * (try Self.coefficients(["t", "u", "v", "uniform", "natural"], run, seed: seed, updates: 20)).values.max()!
    }
    let (mean, above) = (largest.reduce(0, +) / 200, largest.count { $0 > 2 })
    #expect(mean < 1.25 && above <= 18, "\(mean) on average, \(above) above 2")
  }

  /// With all keys at their defaults: one of five distributions has the documents of the domains that are near.
  @Test func `A distribution that is truly better is found`() throws {
    let tokens = [Int](repeating: 100, count: 20)
    let counts = (0..<4).map { group in (0..<20).map { $0 / 5 == group ? 30.0 : 1 } }
    let run = ImportanceTests.facts(
      ["a": counts[0], "b": counts[1], "c": counts[2], "d": counts[3]], tokens: tokens, targets: [])
    var found = 0
    for seed in 1...10 {
      let coefficients = try Self.coefficients(
        ["a", "b", "c", "d", "uniform"], run, seed: seed, updates: 30, score: { $0 / 5 == 2 ? 1 : 0 })
      if coefficients.values[2] == coefficients.values.max()!, coefficients.values[2] > 0.5 { found += 1 }
    }
    #expect(found >= 9, "in \(found) of 10 trials")
  }
}
