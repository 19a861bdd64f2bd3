import Foundation
import Mixing
import Settings
import Testing

private func rows(
  _ targets: [[Double]], from source: Observations.Source = .probes, domains: [Int] = [0, 1, 2],
  units: [Double] = [1, 1],
  losses: [Double] = [2, 2], gram: [[Double]] = []
) -> Observations {
  var observations = Observations(source, step: 1, domains: domains)
  observations.scores = zip(targets, zip(units, losses)).map { values, facts in
    Observations.Scores(values: values.map { $0 / facts.0 }, unit: facts.0, loss: facts.1)
  }
  observations.gram = gram
  observations.rowSizes = observations.domains.map { _ in 1 }
  return observations
}

@Suite struct TargetWeightsTests {
  private let grape = DynamicGradientAlignment(
    UpdateRule(eta: 1.5), memory: 0, start: .uniform(3), targets: .uniform(2), targetRate: 10)

  @Test func `Two updates give the weights worked out for GRAPE`() throws {
    var method = grape
    #expect(method.directions == .eachTarget)
    let updates: [(z: [Double], alpha: [Double], newZ: [Double], newAlpha: [Double])] = [
      ([0.02, 0.05], [0.3, 0.1, -0.2], [0.574368, 0.425632], [0.451838, 0.334729, 0.213433]),
      ([0.04, 0.01], [0.1, 0.2, 0], [0.499924, 0.500076], [0.441058, 0.379622, 0.179321]),
    ]
    var targets = TargetWeights(start: .uniform(2))
    for (z, alpha, newZ, newAlpha) in updates {
      // Rows along each target that differ by a constant, such that their mean under `present` is the target's score
      // and, with equal losses, their sum by the new weights of the targets is the domain's.
      targets.move(z, rate: 10)
      #expect(error(targets.weights.values, newZ) < 1e-6)
      let mean = zip(targets.weights.values, z).reduce(0) { $0 + $1.0 * $1.1 }
      let (low, high) = (alpha.firstIndex(of: alpha.min()!)!, alpha.firstIndex(of: alpha.max()!)!)
      var present = [0.0, 0, 0]
      present[high] = (mean - alpha[low]) / (alpha[high] - alpha[low])
      present[low] = 1 - present[high]
      let observed = rows(z.map { score in alpha.map { $0 + score - mean } }, units: [0.5, 3])
      method.observe(observed)
      let move = try method.moved(after: 1, from: try #require(Weights(proportionalTo: present)))
      #expect(error(move.targetWeights ?? [], newZ) < 1e-6)
      #expect(error(method.state.raw.values, newAlpha) < 1e-6 && error(move.weights.values, newAlpha) < 1e-6)
      let scores = try #require(move.scores)
      #expect(error(scores.alignments, alpha) < 1e-12)
    }
  }

  @Test func `Unsmoothed, two opposite moves return`() {
    var plain = Weights.uniform(2).exponentiated(by: [-0.02, -0.05], rate: 10)
    #expect(error(plain.values, [0.574443, 0.425557]) < 1e-6)
    plain = plain.exponentiated(by: [-0.04, -0.01], rate: 10)
    #expect(error(plain.values, [0.5, 0.5]) < 1e-12)
  }

  @Test func `Domains are scored along the mean of the directions by weight and loss`() throws {
    // No rate: the weights of the targets stay. Losses 1 and 3 make omega (1/4, 3/4).
    var method = DynamicGradientAlignment(
      UpdateRule(eta: 1), memory: 0, start: .uniform(3), targets: .uniform(2), targetRate: 0)
    let values: [[Double]] = [[4, 0, 8], [0, 4, -8]]
    method.observe(rows(values, units: [2, 5], losses: [1, 3], gram: [[2, 1], [1, 5]]))
    var scores = try #require(try method.moved(after: 1, from: .uniform(3)).scores)
    #expect(error(scores.alignments, [1, 3, -4]) < 1e-14)
    // 1/16 * 2 + 2 * 3/16 * 1 + 9/16 * 5
    #expect(abs(scores.unit - 53.0 / 16) < 1e-14)
    method.observe(rows(values, units: [2, 5], losses: [1, 3]))
    scores = try #require(try method.moved(after: 2, from: .uniform(3)).scores)
    #expect(error(scores.alignments, [1, 3, -4]) < 1e-14 && abs(scores.unit - 47.0 / 16) < 1e-14)
  }

  @Test func `Sequences of training count alike, probes by their domain's weight`() throws {
    func moved(_ source: Observations.Source) throws -> [Double] {
      var method = grape
      method.observe(rows([[0.1, 0.1, 0.4, 0], [0, 0, 0, 0.2]], from: source, domains: [0, 0, 1, 2]))
      return try #require(try method.moved(after: 1, from: Weights(proportionalTo: [0, 1, 3])!).targetWeights)
    }
    func expected(_ scores: [Double]) -> [Double] {
      var targets = TargetWeights(start: .uniform(2))
      targets.move(scores, rate: 10)
      return targets.weights.values
    }
    #expect(error(try moved(.training), expected([0.15, 0.05])) < 1e-15)
    #expect(error(try moved(.probes), expected([0.1, 0.15])) < 1e-15)
  }

  @Test func `A number that is not finite leaves all weights as they are`() throws {
    for bad in [Double.nan, .infinity] {
      var broken = rows([[0.1, bad, 0.3], [0.1, 0.2, 0.3]])
      var method = grape
      method.observe(broken)
      var move = try method.moved(after: 1, from: .uniform(3))
      #expect(move.refused == 1 && move.weights == .uniform(3) && move.targetWeights == [0.5, 0.5])
      broken = rows([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]], losses: [bad, 1])
      method.observe(broken)
      move = try method.moved(after: 2, from: .uniform(3))
      #expect(move.refused != nil && move.weights == .uniform(3) && move.targetWeights == [0.5, 0.5])
      method.observe(rows([[0.1, 0.2, 0.3], [0.1, 0.2, 0.3]]))
      move = try method.moved(after: 3, from: .uniform(3))
      #expect(move.refused == nil)
    }
  }

  @Test func `Scores of zero leave the domains, and renamed targets and domains are only renamed`() throws {
    var method = grape
    method.observe(rows([[0, 0, 0], [0, 0, 0]]))
    let still = try method.moved(after: 1, from: .uniform(3))
    #expect(still.weights == .uniform(3) && still.targetWeights == [0.5, 0.5])

    let values: [[Double]] = [[0.1, 0.5, -0.2], [0.3, 0, 0.4]]
    var (plain, renamed) = (grape, grape)
    plain.observe(rows(values, units: [2, 5], losses: [1, 3], gram: [[2, 1], [1, 5]]))
    renamed.observe(
      rows(values.reversed().map { [$0[2], $0[0], $0[1]] }, units: [5, 2], losses: [3, 1], gram: [[5, 1], [1, 2]]))
    let (first, second) = (plain.move(after: 1, from: .uniform(3))!, renamed.move(after: 1, from: .uniform(3))!)
    let weights = first.weights.values
    #expect(error(second.weights.values, [weights[2], weights[0], weights[1]]) < 1e-14)
    #expect(error(second.targetWeights!, first.targetWeights!.reversed()) < 1e-14)
  }

  @Test func `One domain and one target keep all weight; what starts at zero stays there`() throws {
    var single = DynamicGradientAlignment(UpdateRule(eta: 1), memory: 0, start: .uniform(1), targets: .uniform(1))
    single.observe(rows([[0.3]], domains: [0]))
    let move = try single.moved(after: 1, from: .uniform(1))
    #expect(move.weights.values == [1] && move.targetWeights == [1])

    let start = Weights(proportionalTo: [0, 1, 1])!
    var method = DynamicGradientAlignment(
      UpdateRule(step: .divergence(0.1), newWeight: 0.5, floor: 0.1), memory: 0.8, start: start,
      targets: Weights(proportionalTo: [1, 0]))
    method.observe(rows([[9, 1, 2], [9, 1, 2]]))
    let moved = try method.moved(after: 1, from: start)
    #expect(moved.weights.values[0] == 0 && moved.raw?.values[0] == 0 && moved.targetWeights == [1, 0])
    #expect(moved.weights.values[2] > 0.5)
    var mixture = Mixture(domains: 3, following: UpdateRule(eta: 1, floor: 0.1), start: start)
    _ = mixture.update(alignment: [9, 1, 1])
    #expect(mixture.raw == start)
    _ = mixture.update(alignment: [9, 1, 200])
    #expect(mixture.raw.values[0] == 0 && abs(mixture.raw.values[1] - 0.05) < 1e-15)
  }

  @Test func `Whoever goes on between measurement and move goes on with the same bits`() throws {
    var straight = grape
    straight.observe(rows([[0.1, 0.2, 0.3], [0.3, -0.1, 0.2]], units: [3, 7]))
    _ = straight.move(after: 1, from: .uniform(3))
    straight.observe(rows([[0.3, 0.2, 0.3], [0.3, -0.1, 0.7]], units: [3, 7], gram: [[3, 0.3], [0.3, 7]]))
    var resumed = try grape.restored(from: straight)
    let (first, second) = (straight.move(after: 2, from: .uniform(3))!, resumed.move(after: 2, from: .uniform(3))!)
    #expect(first.weights == second.weights && first.targetWeights == second.targetWeights)
    #expect(straight.state == resumed.state)
    straight.observe(rows([[0.3, 0.2, 0.3], [0.3, -0.1, 0.7]]))
    straight.forgetScores()
    #expect(straight.move(after: 3, from: .uniform(3)) == nil)
  }

  @Test func `A run says whether its targets' weights move`() throws {
    var run = RunFacts(domains: ["a", "b"], tokens: [1, 1])
    let settings = try DynamicGradientAlignment.Settings(given: ["target_rate": 3.0])
    #expect(settings.targetRate == 3 && DynamicGradientAlignment.Settings().targetRate == 10)
    #expect(try DynamicGradientAlignment(settings, for: run).directions == .combined)
    run.adaptiveTargets = true
    #expect(throws: SettingFault.self) { try DynamicGradientAlignment(settings, for: run) }
    run.targets = [Share("git", 3), Share("libc", 1)]
    let method = try DynamicGradientAlignment(settings, for: run)
    #expect(method.state.targets?.weights.values == [0.75, 0.25] && method.summary.hasSuffix("at a rate of 3.0"))
  }
}
