import Foundation
import Mixing
import Settings
import Testing

private func facts(_ prior: [Double], steps: Int = 1000, interval: Int = 1) -> RunFacts {
  RunFacts(
    domains: prior.indices.map { "d\($0)" }, tokens: prior.map { _ in 1 }, steps: steps, interval: interval,
    prior: Weights(proportionalTo: prior))
}

private func ado(_ prior: [Double], steps: Int = 1000, interval: Int = 1) throws -> AdaptiveDataOptimization {
  try AdaptiveDataOptimization(AdaptiveDataOptimization.Settings(), for: facts(prior, steps: steps, interval: interval))
}

/// As many sequences of each domain as counts say, all with their domain's loss.
private func observed(_ counts: [Int], _ losses: [Double], step: Int = 1) -> Observations {
  let domains = counts.indices.flatMap { [Int](repeating: $0, count: counts[$0]) }
  var observations = Observations(.training, step: step, domains: domains)
  observations.losses = domains.map { losses[$0] }
  return observations
}

private let laws = [
  ScalingLaw(e: 0.7, a: 1, alpha: 0.2), ScalingLaw(e: 0.6, a: 1.5, alpha: 0.3), ScalingLaw(e: 0.9, a: 0.8, alpha: 0.04),
]

/// A method in the middle of a run, without a history.
private func fitted(_ prior: [Double], _ laws: [ScalingLaw?] = laws) throws -> AdaptiveDataOptimization {
  var method = try ado(prior)
  method.state.laws = laws
  method.state.sequences = 256_000
  return method
}

@Suite struct AdaptiveDataOptimizationTests {
  private let prior = [0.5, 0.3, 0.2]

  @Test func `Two steps give the weights worked out`() throws {
    var method = try fitted(prior)
    method.observe(observed([120, 80, 56], [1, 1, 1]))
    #expect(method.state.sequences == 256_256)
    #expect(error(laws.map { $0.loss(256_256) }, [2.238948, 1.928985, 3.811952]) < 1e-6)
    #expect(error(method.state.shares, [0.496875, 0.301250, 0.201875]) < 1e-6)
    var move = try method.moved(after: 1000, from: method.start)
    #expect(error(move.raw?.values ?? [], [0.582978, 0.193872, 0.223151]) < 1e-6)
    #expect(error(move.weights.values, [0.508298, 0.289387, 0.202315]) < 1e-6)
    #expect(error(method.state.mean.values, [0.500083, 0.299894, 0.200023]) < 1e-6)
    method.observe(observed([130, 76, 50], [1, 1, 1]))
    #expect(error(method.state.shares, [0.497969, 0.300812, 0.201219]) < 1e-6)
    move = try method.moved(after: 1001, from: method.start)
    #expect(error(move.raw?.values ?? [], [0.583529, 0.193682, 0.222789]) < 1e-6)
    #expect(error(move.weights.values, [0.508428, 0.289273, 0.202300]) < 1e-6)
    #expect(error(method.state.mean.values, [0.500166, 0.299788, 0.200046]) < 1e-6)
  }

  @Test func `Every domain with weight is preferred a little`() throws {
    // Equal laws and shares such that rho is (.98, .015, .005) before the floor.
    var method = try fitted([0.98, 0.015, 0.005], [laws[0], laws[0], laws[0]])
    method.state.shares = [1, 1, 1]
    let move = try method.moved(after: 1000, from: method.start)
    #expect(error(move.raw?.values ?? [], [0.975124, 0.014925, 0.009950]) < 1e-6)
    // 200 domains cannot have 0.01 each.
    var many = try fitted((0..<200).map { $0 == 0 ? 1000 : 1 }, [ScalingLaw?](repeating: laws[0], count: 200))
    let values = try #require(many.moved(after: 1000, from: many.start).raw).values
    #expect(values[0] > 0.8 && values[1] > 4e-4)
  }

  @Test func `Renamed domains are only renamed, and losses that no longer fall prefer none`() throws {
    var (plain, renamed) = (try fitted(prior), try fitted([0.2, 0.5, 0.3], [laws[2], laws[0], laws[1]]))
    plain.observe(observed([3, 2, 1], [1, 1, 1]))
    renamed.observe(observed([1, 3, 2], [1, 1, 1]))
    let values = try plain.moved(after: 1000, from: plain.start).weights.values
    #expect(
      error(try renamed.moved(after: 1000, from: renamed.start).weights.values, [values[2], values[0], values[1]])
        < 1e-15)
    var flat = try fitted(prior, [ScalingLaw?](repeating: ScalingLaw(e: 0, a: -1e6, alpha: 0.2), count: 3))
    let raw = try #require(flat.moved(after: 1000, from: flat.start).raw)
    let expected = try #require(Weights(proportionalTo: prior.map { $0 * $0.squareRoot() }))
    #expect(error(raw.values, expected.values) < 1e-15)
  }

  @Test func `One domain keeps all weight; what starts at zero stays there`() throws {
    var single = try fitted([1], [laws[0]])
    #expect(try single.moved(after: 1000, from: single.start).weights.values == [1])
    var method = try fitted([0, 0.5, 0.5])
    method.observe(observed([5, 5, 5], [1, 1, 1]))
    let weights = try method.moved(after: 1000, from: method.start).weights.values
    #expect(weights[0] == 0 && weights[1] > 0.4)
  }

  @Test func `A loss that is not finite is left out and named, and a domain without a law is an average one`() throws {
    var method = try fitted(prior, [laws[0], nil, laws[0]])
    method.observe(observed([1, 1, 1], [1, .nan, .infinity]))
    let move = try method.moved(after: 1000, from: method.start)
    #expect(move.refused == 1 && move.scores?.values[1] == move.scores?.values[0])
    #expect(try method.moved(after: 1001, from: method.start).refused == nil)
  }

  /// Trains on losses that follow the laws, with some noise.
  private func train(_ method: inout AdaptiveDataOptimization, _ steps: ClosedRange<Int>) throws -> [Weights] {
    var weights: [Weights] = []
    for step in steps {
      if method.wants(before: step) == [.weights] {
        let move = method.move(after: step - 1, from: method.start)
        if let move { weights.append(move.weights) }
      }
      var random = SplitMix(seed: UInt64(step))
      let n = Double(step * 24)
      let losses = laws.map { $0.loss(n) * (1 + 0.01 * (random.unit() - 0.5)) }
      // A domain that is in every third step only.
      method.observe(observed([12, 6, step % 3 == 0 ? 6 : 0], losses, step: step))
    }
    return weights
  }

  @Test func `Laws are fitted from a tenth of the run on, and predict losses`() throws {
    var method = try ado(prior, steps: 3000)
    let weights = try train(&method, 1...3000)
    // 256 points for 240 steps at the first fit.
    #expect((1...3000).first { method.wants(before: $0) != [] } == 301 && weights.count == 2700)
    for (law, truth) in zip(method.state.laws, laws) {
      let law = try #require(law)
      #expect(abs(law.loss(50_000) / truth.loss(50_000) - 1) < 5e-3)
    }
    // The domain whose loss falls fastest gains on the one whose loss falls slowest.
    let last = try #require(weights.last).values
    let slopes = laws.map { $0.slope(72_000) }
    let (fast, slow) = (slopes.firstIndex(of: slopes.max()!)!, slopes.firstIndex(of: slopes.min()!)!)
    #expect(last[fast] / last[slow] > prior[fast] / prior[slow])
    #expect(try JSONEncoder().encode(method.state).count < 100_000)
  }

  @Test func `Whoever goes on in the middle goes on with the same bits`() throws {
    for stop in [100, 401] {
      var straight = try ado(prior, steps: 1000)
      _ = try train(&straight, 1...stop)
      var resumed = try ado(prior, steps: 1000).restored(from: straight)
      #expect(try train(&straight, (stop + 1)...600) == train(&resumed, (stop + 1)...600))
      #expect(straight.state == resumed.state)
    }
  }

  @Test func `Too short a run never moves, and intervals are kept`() throws {
    var short = try ado(prior, steps: 40)
    #expect(try train(&short, 1...40).isEmpty)
    let method = try ado(prior, steps: 100, interval: 4)
    #expect((1...25).filter { method.wants(before: $0) == [.weights] } == [13, 17, 21, 25])
  }
}

@Suite struct ScalingLawTests {
  private static let truths =
    laws + [
      ScalingLaw(e: -0.5, a: 2, alpha: 0.5), ScalingLaw(e: 1, a: 3, alpha: 0.7), ScalingLaw(e: 0.2, a: 0.5, alpha: 0.1),
      ScalingLaw(e: -3, a: 1.2, alpha: 0.05),
    ]

  private func points(_ law: ScalingLaw, _ count: Int, noise: Double = 0) -> [(n: Double, loss: Double)] {
    var random = SplitMix(seed: 7)
    return (0..<count).map {
      let n = 500 * exp(6 * Double($0) / Double(count - 1))
      return (n, law.loss(n) * (1 + noise * (random.unit() - 0.5)))
    }
  }

  @Test(arguments: truths)
  func `Losses that follow a law are predicted, also after twice as long`(truth: ScalingLaw) throws {
    let law = try #require(ScalingLaw(fitting: points(truth, 200)))
    for n in [500, 5000, 50_000, 200_000, 400_000.0] {
      #expect(abs(law.loss(n) - truth.loss(n)) < 1e-3, "\(law) instead of \(truth)")
    }
  }

  @Test func `A few outliers do not matter`() throws {
    var points = points(laws[1], 200)
    for i in stride(from: 5, to: 200, by: 40) { points[i].loss *= 2 }
    let law = try #require(ScalingLaw(fitting: points))
    #expect(abs(law.loss(200_000) - laws[1].loss(200_000)) < 1e-3)
  }

  @Test func `Points that say nothing have no law, and constant or rising losses a flat one`() throws {
    #expect(ScalingLaw(fitting: []) == nil)
    #expect(ScalingLaw(fitting: [(1, 2), (1, 2), (1, 2)]) == nil)
    #expect(ScalingLaw(fitting: [(1, .nan), (2, 1), (3, .infinity), (0, 1)]) == nil)
    for rise in [0.0, 1] {
      let points = (1...50).map { (n: Double($0) * 100, loss: 3 + rise * Double($0) / 50) }
      let law = try #require(ScalingLaw(fitting: points))
      #expect(abs(law.loss(5000) - 3) < 1.1 && law.slope(5000) * 5000 < 0.02 && law.slope(5000) >= 0)
    }
  }

  @Test func `Nineteen domains are fitted in well under a second`() throws {
    let noisy = (0..<19).map { points(laws[$0 % 3], 200, noise: 0.05) }
    let time = try ContinuousClock().measure {
      for points in noisy { _ = try #require(ScalingLaw(fitting: points)) }
    }
    #expect(time < .seconds(5), "debug builds are slow, but not that slow")
  }
}
