import Foundation
import Mixing
import Settings
import Testing

/// What evidence says in words, and which domains are drawn for the sake of more.
extension EvidenceTests {
  @Test func `The finding says in words what is known, and what would help`() throws {
    func finding(_ trial: Trial, recurrence: Double? = 0) throws -> Finding {
      var (trial, method, weights) = (
        trial, Self.method(domains: trial.truth.count), Weights.uniform(trial.truth.count)
      )
      var scores: Scores?
      for update in 0..<8 {
        scores = try Self.update(&method, trial.rows(update: update), recurrence: recurrence, from: &weights).scores
      }
      return try #require(scores?.finding)
    }
    var trial = Trial(random: SplitMix(seed: 4), truth: [0, 1, 2], sequences: 64)
    let known = try finding(trial)
    #expect(known.tellsDomainsApart && known.reliability > 0.8)
    #expect(known.sentence.hasPrefix("Scores tell domains apart"))
    #expect(try finding(trial, recurrence: nil).sentence.contains("steering part is a single window"))
    trial = Trial(random: SplitMix(seed: 4), truth: [1, 1, 1], sequences: 64)
    trial.directionNoise = 0
    #expect(try finding(trial).sentence.contains("most of the noise is that of the domains' sequences"))
    trial.directionNoise = 2
    #expect(try finding(trial).sentence.contains("raise mixture.probe.target_sequences"))
  }

  /// Domain 0 is near and well known, 1 is rarely seen, 2 is known to be far, and 3 may not be drawn.
  @Test func `Draws for the sake of knowledge go to domains that could be the best one`() throws {
    let prior = try #require(Weights(proportionalTo: [1, 1, 1, 0]))
    var settings = DynamicGradientAlignment.Settings()
    settings.explore = 0.25
    var run = RunFacts(domains: ["a", "b", "c", "d"], tokens: [1, 1, 1, 1], prior: prior)
    var method = try DynamicGradientAlignment(settings, for: run)
    var weights = prior
    var random = SplitMix(seed: 3)
    var move: Move?
    for update in 0..<10 {
      var rows: [(domain: Int, score: Double)] = (0..<32).map {
        ($0 % 2 * 2, ($0 % 2 == 0 ? 1 : 0) + random.unit() / 2)
      }
      if update % 4 == 0 { rows.append((1, 1.1 + random.unit() / 2)) }
      move = try Self.update(&method, rows, from: &weights)
      if update == 0 { #expect(move?.draws == nil) }
    }
    let found = try #require(move)
    let draws = try #require(found.draws)
    // What is drawn is 3/4 of the weights, and 1/4 of what exploring asks for.
    let asked = zip(draws.values, found.weights.values).map { ($0 - 0.75 * $1) / 0.25 }
    #expect(abs(asked.reduce(0, +) - 1) < 1e-9)
    #expect(asked[1] > 0.8 && asked[1] > 2 * asked[0] && asked[2] < 1e-3 && draws.values[3] == 0, "\(asked)")

    run.adaptiveTargets = true
    run.targets = [Share("t", 1), Share("u", 1)]
    #expect(throws: SettingFault.self) { try DynamicGradientAlignment(settings, for: run) }
  }
}
