import Foundation
import Mixing
import Testing

private let log2 = log(2.0)

private func expectEqual(
  _ weights: Weights, _ expected: [Double], sourceLocation: SourceLocation = #_sourceLocation
) {
  // A handful of roundings of numbers below 1.
  let error = zip(weights.values, expected).map { abs($0 - $1) }.max()!
  #expect(error < 1e-15, "\(weights.values) instead of \(expected)", sourceLocation: sourceLocation)
}

@Suite struct MixtureTests {
  @Test func `Raw recursion gives the weights worked out by hand`() {
    var mixture = Mixture(domains: 2, following: UpdateRule(eta: log2, newWeight: 0.5, recursion: .raw))
    // exp(eta a) = (2, 1): raw (1/2, 1/2) -> (2, 1)/3 -> (4, 1)/5.
    _ = mixture.update(alignment: [1, 0])
    expectEqual(mixture.raw, [2.0 / 3, 1.0 / 3])
    expectEqual(mixture.weights, [7.0 / 12, 5.0 / 12])
    _ = mixture.update(alignment: [1, 0])
    expectEqual(mixture.raw, [4.0 / 5, 1.0 / 5])
    expectEqual(mixture.weights, [83.0 / 120, 37.0 / 120])
    // Three intervals so far: (1/2 + 7/12 + 83/120) / 3.
    expectEqual(mixture.average, [213.0 / 360, 147.0 / 360])
  }

  @Test func `Smoothed recursion gives the weights worked out by hand`() {
    var mixture = Mixture(domains: 2, following: UpdateRule(eta: log2, newWeight: 0.5, recursion: .smoothed))
    _ = mixture.update(alignment: [1, 0])
    expectEqual(mixture.weights, [7.0 / 12, 5.0 / 12])
    // The second update starts from (7, 5)/12: (14, 5)/19.
    _ = mixture.update(alignment: [1, 0])
    expectEqual(mixture.raw, [14.0 / 19, 5.0 / 19])
    expectEqual(mixture.weights, [301.0 / 456, 155.0 / 456])
  }

  @Test func `The floor spreads its share evenly`() {
    var mixture = Mixture(domains: 2, following: UpdateRule(eta: log2, floor: 0.1))
    _ = mixture.update(alignment: [1, 0])
    expectEqual(mixture.raw, [0.65, 0.35])
    for _ in 0..<200 { _ = mixture.update(alignment: [100, 0]) }
    expectEqual(mixture.raw, [0.95, 0.05])
  }

  @Test func `A report has the figures worked out by hand`() {
    var mixture = Mixture(domains: 2, following: UpdateRule(eta: log2))
    let report = mixture.update(alignment: [4, 3])
    #expect(abs(report.distanceFromUniform - 1.0 / 6) < 1e-15)
    #expect(abs(report.moved - 1.0 / 6) < 1e-15)
    // H(2/3, 1/3) = log 3 - 2/3 log 2.
    #expect(abs(report.effectiveDomains - 1.8898815748423097) < 1e-14)
    #expect(abs(report.spread - log2) < 1e-15)
    #expect(report.warnings.isEmpty)
  }

  @Test(arguments: UpdateRule.Recursion.allCases)
  func `A new weight of 1 is no average and a tiny one is almost frozen`(recursion: UpdateRule.Recursion) {
    var plain = Mixture(domains: 3, following: UpdateRule(eta: 0.5, newWeight: 1, recursion: recursion))
    var frozen = Mixture(domains: 3, following: UpdateRule(eta: 0.5, newWeight: 1e-9, recursion: recursion))
    for _ in 0..<5 {
      _ = plain.update(alignment: [1, -2, 3])
      _ = frozen.update(alignment: [1, -2, 3])
      #expect(plain.weights == plain.raw)
    }
    #expect(plain.weights.distanceFromUniform > 0.6)
    // Five updates of at most 1e-9 each, and not none.
    #expect((1e-10...5e-9).contains(frozen.weights.distanceFromUniform))
  }

  @Test(arguments: UpdateRule.Recursion.allCases)
  func `The best aligned domain gains and the worst loses`(recursion: UpdateRule.Recursion) {
    var random = SplitMix(seed: 5)
    var mixture = Mixture(domains: 6, following: UpdateRule(eta: 0.3, newWeight: 0.4, recursion: recursion))
    for _ in 0..<50 {
      let alignment = (0..<6).map { _ in random.unit() - 0.5 }
      let from = recursion == .raw ? mixture.raw : mixture.weights
      _ = mixture.update(alignment: alignment)
      let (best, worst) = (alignment.firstIndex(of: alignment.max()!)!, alignment.firstIndex(of: alignment.min()!)!)
      #expect(mixture.raw.values[best] > from.values[best])
      #expect(mixture.raw.values[worst] < from.values[worst])
    }
  }

  @Test(arguments: UpdateRule.Recursion.allCases)
  func `An eta of zero leaves uniform weights to the bit`(recursion: UpdateRule.Recursion) {
    let rule = UpdateRule(eta: 0, newWeight: 0.1, recursion: recursion, floor: 0.05)
    var mixture = Mixture(domains: 49, following: rule)  // 49 * (1/49) is not 1 in binary
    for i in 0..<100 { _ = mixture.update(alignment: (0..<49).map { Double($0 * i) }) }
    #expect(mixture.weights == .uniform(49))
    #expect(mixture.average == .uniform(49))
  }

  @Test func `Constant weights report but do not move`() throws {
    let weights = try #require(Weights(proportionalTo: [1, 3]))
    var mixture = Mixture(domains: 2, following: UpdateRule(eta: 0), start: weights)
    let report = mixture.update(alignment: [5, 1])
    #expect(mixture.weights == weights && mixture.raw == weights && mixture.average == weights)
    #expect(report.distanceFromUniform == 0.25 && report.spread == 0 && report.warnings.isEmpty)
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func `An alignment that is not finite is refused and named`(bad: Double) {
    var mixture = Mixture(domains: 3, following: UpdateRule(eta: 1))
    _ = mixture.update(alignment: [1, 0, 0])
    let (before, raw) = (mixture.state, mixture.raw)
    let report = mixture.update(alignment: [0, 7, bad])
    #expect(mixture.raw == raw && mixture.weights == before.weights)
    #expect(report.warnings == [.notFinite(domain: 2)])
    #expect(report.warnings[0].sentence { ["perl", "stories", "git"][$0] }.contains("alignment of git"))
    #expect(mixture.state.moves == 2)
  }

  @Test func `A single domain keeps all weight without a warning`() {
    var mixture = Mixture(domains: 1, following: UpdateRule(eta: 1))
    for _ in 0..<20 { #expect(mixture.update(alignment: [3]).warnings.isEmpty) }
    #expect(mixture.weights.values == [1])
  }

  @Test func `A mixture restored from its encoded state goes on with the same bits`() throws {
    let rule = UpdateRule(eta: 0.3, newWeight: 0.1, floor: 0.01)
    var straight = Mixture(domains: 4, following: rule)
    var random = SplitMix(seed: 9)
    let alignments = (0..<40).map { _ in (0..<4).map { _ in random.unit() } }
    for alignment in alignments[..<20] { _ = straight.update(alignment: alignment) }
    let data = try JSONEncoder().encode(straight.state)
    let methodState = try JSONState(of: straight.method)
    var resumed = Mixture(domains: 4, following: rule)
    resumed.restore(try JSONDecoder().decode(Mixture.State.self, from: data))
    try resumed.restoreMethod(from: methodState)
    for alignment in alignments[20...] {
      #expect(straight.update(alignment: alignment) == resumed.update(alignment: alignment))
    }
    #expect(straight.state == resumed.state && straight.raw == resumed.raw)
  }

  @Test func `The rule says in words which constant weighs what`() {
    let words = UpdateRule(eta: 0.3, newWeight: 0.25, floor: 0.01).description
    #expect(
      words == """
        new weights = the raw weights' own history times exp(0.3 alignment), 0.01 of them spread evenly; \
        each update replaces 0.25 of the sampled weights by new ones
        """)
  }
}

@Suite struct MixingWarningTests {
  /// Updates with each alignment in turn and returns the warnings by the number of the update, from 1.
  private func warnings(_ rule: UpdateRule, _ alignments: [[Double]]) -> [Int: [MixingWarning]] {
    var mixture = Mixture(domains: alignments[0].count, following: rule)
    var said: [Int: [MixingWarning]] = [:]
    for alignment in alignments {
      let warnings = mixture.update(alignment: alignment).warnings
      if !warnings.isEmpty { said[mixture.state.moves] = warnings }
    }
    return said
  }

  @Test func `Weights that stay at uniform are reported once, after ten updates`() {
    // Per update tanh(1e-3 / 4) = 0.00025 of the draws move.
    let said = warnings(UpdateRule(eta: 1e-3), Array(repeating: [1, 0], count: 30))
    #expect(said == [10: [.nothingMoves(spread: 1e-3)]])
    #expect(said[10]?[0].sentence { "\($0)" }.hasPrefix("Nothing moves: 10 updates") == true)
  }

  @Test func `A slow average that does move is not reported`() {
    // The first update moves 0.01 * (2/3 - 1/2) = 0.0017 of the draws.
    let rule = UpdateRule(eta: log2, newWeight: 0.01)
    #expect(warnings(rule, Array(repeating: [1, 0], count: 30)) == [:])
  }

  @Test func `Weights that arrived away from uniform may rest`() {
    #expect(warnings(UpdateRule(eta: log2), [[1, 0]] + Array(repeating: [0, 0], count: 30)) == [:])
  }

  @Test func `Nine quiet updates do not cry wolf`() {
    // The others move tanh(0.01 / 4) = 0.0025 of the draws, there and back.
    let round = Array(repeating: [0.0, 0], count: 9) + [[1, 0], [0, 1]]
    #expect(warnings(UpdateRule(eta: 0.01), Array(repeating: round, count: 5).flatMap(\.self)) == [:])
  }

  @Test func `One domain left is reported once, after five updates, by name`() {
    let said = warnings(UpdateRule(eta: 1), Array(repeating: [0, 10, 0], count: 20))
    #expect(Array(said.keys) == [5])
    #expect(said[5]?[0].sentence { ["a", "b", "c"][$0] }.contains("now b with 100.0 %") == true)
  }

  @Test func `Weights that rush to a domain and leave it again are not called one domain left`() {
    // Four updates at one end, then back at uniform.
    let round: [[Double]] = [[8, 0], [0, 0], [0, 0], [0, 0], [0, 8]]
    #expect(warnings(UpdateRule(eta: 1), Array(repeating: round, count: 5).flatMap(\.self)) == [:])
  }

  @Test func `Weights that jump from one domain to the other are one domain left`() {
    let said = warnings(
      UpdateRule(eta: 1), [[8, 0], [0, 16], [16, 0], [0, 16], [16, 0], [0, 16], [16, 0]])
    #expect(Array(said.keys) == [5])
  }
}
