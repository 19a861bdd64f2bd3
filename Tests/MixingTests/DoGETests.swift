import Mixing
import Settings
import Testing

private func facts(_ domains: Int, prior: [Double]? = nil, interval: Int = 1) -> RunFacts {
  var run = RunFacts(
    domains: (0..<domains).map { "d\($0)" }, tokens: [Int](repeating: 1, count: domains), interval: interval,
    prior: prior.flatMap { Weights(proportionalTo: $0) })
  run.estimation = Estimation(givesErrors: false, givesNorms: true)
  return run
}

private func doge(_ run: RunFacts, _ keys: [String: Any] = ["step": 0.01, "clip": 1e9]) throws -> DoGE {
  try DoGE(DoGE.Settings(given: ["doge": keys]), for: run)
}

/// One row per domain with a product.
private func observed(
  _ products: [Double?], norms: [Double?], direction: Double = 5.0.squareRoot(), rate: Double, unit: Double = 4
) -> Observations {
  let domains = products.indices.filter { products[$0] != nil }
  var observations = Observations(.probes, step: 1, learningRate: rate, domains: domains)
  observations.scores = [Observations.Scores(values: domains.map { products[$0]! / unit }, unit: unit)]
  (observations.gradientNorms, observations.directionNorms) = (norms, [direction])
  return observations
}

@Suite struct DoGETests {
  private let norms: [Double?] = [3, 2, 2.0.squareRoot()]

  @Test func `Two updates give the weights worked out for the target version`() throws {
    var mixture = Mixture(try doge(facts(3)))
    mixture.observe(observed([6, 2, 3], norms: norms, rate: 5e-4))
    var moved = try mixture.moved(after: 1)
    #expect(error(moved.move.scores!.values.map { $0 / 0.01 }, [0.140313, 0.046771, 0.070157]) < 1e-6)
    #expect(error(mixture.weights.values, [0.351748, 0.320336, 0.327916]) < 1e-6)
    // Limited on both sides.
    mixture.observe(observed([-1, 4, 30], norms: [2, 2, 2], rate: 4e-4))
    moved = try mixture.moved(after: 2)
    #expect(error(moved.move.scores!.values.map { $0 / 0.01 }, [0, 0.08, 0.2]) < 1e-6)
    #expect(abs(moved.report.spread - 0.2) < 1e-12)
    #expect(error(mixture.weights.values, [0.319980, 0.315676, 0.364345]) < 1e-6)
  }

  @Test func `The mean over steps is the one worked out for weights of losses`() throws {
    let settings = try DoGE.Settings(given: ["weighting": "loss", "doge": ["step": 0.01, "clip": 1e9]])
    var mixture = Mixture(try DoGE(settings, for: facts(3)))
    for (update, (products, rate)) in [([6.0, 2, 3], 5e-4), ([-1, 4, 30], 4e-4)].enumerated() {
      mixture.observe(observed(products, norms: update == 0 ? norms : [2, 2, 2], rate: rate))
      _ = mixture.move(after: update)
    }
    #expect(error(mixture.average.values, [0.335864, 0.318006, 0.346130]) < 1e-6)
  }

  @Test func `A domain's own gradient can be left out of the sum of all`() {
    // (3, 0), (0, 2), (1, 1) with their sum (4, 3). The mean norm cancels.
    let mean = (5 + 2.0.squareRoot()) / 3 + 1e-6
    let gradients = zip([12.0, 6, 7], norms).map { DoGE.Gradient(product: $0, norm: $1!) }
    let all = DoGE.scores(gradients, directionNorm: 5, learningRate: 1, largest: 100)
    #expect(error(all.map { $0 * mean }, [12, 6, 7]) < 1e-12)
    let others = DoGE.scores(gradients, directionNorm: 5, learningRate: 1, largest: 100, excludesSelf: true)
    #expect(error(others.map { $0 * mean }, [3, 2, 5]) < 1e-12)
  }

  @Test func `Gradients are clipped before their product`() {
    // (3, 0) to (1, 0) and the direction (2, 1) to its unit; (0.5, 0) stays.
    let scores = DoGE.scores(
      [DoGE.Gradient(product: 6, norm: 3), nil, DoGE.Gradient(product: 1, norm: 0.5)], directionNorm: 5.0.squareRoot(),
      learningRate: 0.1, clip: 1)
    let expected = [2 / 5.0.squareRoot(), 0, 1 / 5.0.squareRoot()].map { 0.1 * $0 / (0.75 + 1e-6) }
    #expect(error(scores, expected) < 1e-15)
  }

  @Test func `Renamed domains are only renamed, and zeros move nothing`() throws {
    var (plain, renamed) = (try doge(facts(3)), try doge(facts(3)))
    plain.observe(observed([6, nil, 3], norms: [3, nil, 1], rate: 1e-3))
    renamed.observe(observed([nil, 3, 6], norms: [nil, 1, 3], rate: 1e-3))
    let (first, second) = (try plain.moved(from: .uniform(3)), try renamed.moved(from: .uniform(3)))
    let weights = first.weights.values
    #expect(error(second.weights.values, [weights[1], weights[2], weights[0]]) < 1e-15)
    // A domain that was not measured has the score 0.
    #expect(weights[1] < weights[2] && first.scores?.values[1] == 0 && first.refused == nil)
    let before = plain.state.alpha
    plain.observe(observed([0, 0, 0], norms: [0, 0, 0], direction: 0, rate: 1e-3))
    #expect(error(try plain.moved(from: .uniform(3)).weights.values, before.values) < 1e-15)
    let unmeasured = plain.move(after: 3, from: .uniform(3))
    #expect(unmeasured == nil)
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity])
  func `A measurement that is not finite is left out and named`(bad: Double) throws {
    var (broken, absent) = (try doge(facts(3)), try doge(facts(3)))
    absent.observe(observed([6, nil, 3], norms: [3, nil, 1], rate: 1e-3))
    let expected = try absent.moved(from: .uniform(3)).weights
    broken.observe(observed([6, bad, 3], norms: [3, 2, 1], rate: 1e-3))
    let move = try broken.moved(from: .uniform(3))
    #expect(move.weights == expected && move.refused == 1)
    broken = try doge(facts(3))
    broken.observe(observed([6, 2, 3], norms: [3, bad, 1], rate: 1e-3))
    let second = try broken.moved(from: .uniform(3))
    #expect(second.weights == expected && second.refused == 1)
    broken.observe(observed([6, 2, 3], norms: [3, 2, 1], direction: bad, rate: 1e-3))
    let third = try broken.moved(from: .uniform(3))
    #expect(error(third.weights.values, expected.values) < 1e-15 && third.refused == 0)
  }

  @Test func `One domain keeps all weight; what starts at zero stays there`() throws {
    var single = try doge(facts(1))
    single.observe(observed([6], norms: [3], rate: 1))
    #expect(try single.moved(from: .uniform(1)).weights.values == [1])
    var method = try doge(facts(3, prior: [0, 1, 1]))
    method.observe(observed([6, 2, 3], norms: norms, rate: 1))
    let weights = try method.moved(from: method.start).weights.values
    #expect(weights[0] == 0 && weights[2] > weights[1])
  }

  @Test func `Whoever goes on between measurement and move goes on with the same bits`() throws {
    var straight = try doge(facts(3))
    straight.observe(observed([6, 2, 3], norms: norms, rate: 1e-3))
    _ = try straight.moved(from: .uniform(3))
    straight.observe(observed([1, .infinity, 5], norms: [3, nil, 1], rate: 2e-3))
    var resumed = try doge(facts(3)).restored(from: straight)
    #expect(try straight.moved(from: .uniform(3)).weights == resumed.moved(from: .uniform(3)).weights)
    #expect(straight.state == resumed.state)
  }

  @Test func `The version decides what is measured when`() throws {
    let target = try doge(facts(3, interval: 10), [:])
    #expect(target.directions == .combined && target.weighting == .draws)
    #expect((1...31).filter { target.wants(before: $0) == [.weights, .scores] } == [11, 21, 31])
    let universal = try DoGE(
      DoGE.Settings(given: ["weighting": "loss", "doge": ["universal": true]]), for: facts(3, interval: 10))
    #expect(
      universal.directions == .generic && universal.weighting == .loss
        && universal.wants(before: 1) == [.weights, .scores])
    #expect(target.summary.contains("0.05") && universal.summary.contains("0.01"))
    var run = facts(3)
    run.estimation.givesNorms = false
    #expect(throws: SettingFault.self) { try doge(run) }
    #expect(throws: GivenKeys.Failure.self) { try doge(facts(3), ["step": 0.0]) }
  }
}
