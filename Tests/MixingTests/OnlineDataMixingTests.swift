import Foundation
import Mixing
import Settings
import Testing

private func facts(_ domains: Int, prior: [Double]? = nil, interval: Int = 1) -> RunFacts {
  RunFacts(
    domains: (0..<domains).map { "d\($0)" }, tokens: [Int](repeating: 1, count: domains), tokensPerStep: 10,
    interval: interval, prior: prior.flatMap { Weights(proportionalTo: $0) })
}

private func odm(_ keys: [String: Any] = [:], _ run: RunFacts = facts(3)) throws -> OnlineDataMixing {
  try OnlineDataMixing(OnlineDataMixing.Settings(given: ["odm": keys]), for: run)
}

private func observed(_ losses: [Double?]) -> Observations {
  let domains = losses.indices.filter { losses[$0] != nil }
  var observations = Observations(.training, step: 1, domains: domains)
  observations.losses = domains.map { losses[$0]! }
  return observations
}

@Suite struct OnlineDataMixingTests {
  @Test(arguments: [
    (
      "repository", [2.008554, 1.218249, 3.311545], [0.311941, 0.213012, 0.475047], [3.625113, 1.218249, 5.976801],
      [0.334726, 0.152466, 0.512808]
    ),
    (
      "paper", [0.9, 0.75, 1.05], [0.333326, 0.330848, 0.335826], [1.680020, 0.75, 1.957429],
      [0.336818, 0.321681, 0.341501]
    ),
  ])
  func `Two updates give the weights worked out`(
    form: String, rewards: [Double], weights: [Double], laterRewards: [Double], laterWeights: [Double]
  ) throws {
    var method = try odm(["form": form])
    method.observe(observed([3, 2.5, 3.5]))
    let move = try method.moved(after: 100, from: .uniform(3))
    #expect(error(method.state.rewards, rewards) < 1e-6 && error(move.weights.values, weights) < 1e-6)
    method.observe(observed([2.9, nil, 3.4]))
    let later = try method.moved(after: 101, from: move.weights)
    #expect(error(method.state.rewards, laterRewards) < 1e-6 && error(later.weights.values, laterWeights) < 1e-6)
    #expect(later.scores?.values == method.state.rewards && later.refused == nil)
  }

  @Test func `Domains that were never drawn are explored, and at first all alike`() throws {
    var method = try odm()
    method.observe(observed([3, nil, 2]))
    #expect(error(try method.moved(after: 1, from: .uniform(3)).weights.values, [1 / 3.0, 1 / 3.0, 1 / 3.0]) < 1e-15)
    method.observe(observed([3, nil, 2]))
    let epsilon = (log(3.0) / 300).squareRoot()
    #expect(abs(try method.moved(after: 100, from: .uniform(3)).weights.values[1] - epsilon) < 1e-15)
  }

  @Test(arguments: OnlineDataMixing.Form.allCases)
  func `Losses of zero leave domains alike, and names do not matter`(form: OnlineDataMixing.Form) throws {
    var method = try odm(["form": form.rawValue])
    method.observe(observed([0, 0, 0]))
    #expect(error(try method.moved(after: 100, from: .uniform(3)).weights.values, [1 / 3.0, 1 / 3.0, 1 / 3.0]) < 1e-15)
    var (plain, renamed) = (try odm(["form": form.rawValue]), try odm(["form": form.rawValue]))
    plain.observe(observed([3, 2, 1]))
    renamed.observe(observed([1, 3, 2]))
    let values = try plain.moved(after: 100, from: .uniform(3)).weights.values
    #expect(
      error(try renamed.moved(after: 100, from: .uniform(3)).weights.values, [values[2], values[0], values[1]]) < 1e-15)
    #expect(values[0] > values[1])
  }

  @Test(arguments: [Double.nan, .infinity, 1e6])
  func `A loss that is not finite is left out and named`(bad: Double) throws {
    // The exponential of a large loss is not finite either.
    var (broken, absent) = (try odm(), try odm())
    broken.observe(observed([3, bad, 2]))
    absent.observe(observed([3, nil, 2]))
    let move = try broken.moved(after: 100, from: .uniform(3))
    #expect(try move.weights == absent.moved(after: 100, from: .uniform(3)).weights && move.refused == 1)
  }

  @Test(arguments: OnlineDataMixing.Form.allCases)
  func `One domain keeps all weight; what starts at zero stays there`(form: OnlineDataMixing.Form) throws {
    var single = try odm(["form": form.rawValue], facts(1))
    single.observe(observed([3]))
    #expect(try single.moved(after: 1, from: .uniform(1)).weights.values == [1])
    var method = try odm(["form": form.rawValue], facts(3, prior: [0, 1, 1]))
    method.observe(observed([9, 2, 3]))
    let values = try method.moved(after: 100, from: method.start).weights.values
    #expect(values[0] == 0 && values[2] > 0.5)
  }

  @Test func `Weights move after the warmup, at intervals`() throws {
    let method = try odm(["warmup": Quantity(95, .tokens)], facts(3, interval: 4))
    #expect((1...25).filter { method.wants(before: $0) == [.weights] } == [13, 17, 21, 25])
    #expect((1...3).filter { try! odm().wants(before: $0) == [.weights] } == [2, 3])
    #expect(method.summary == "in the form of the repository, after 10 steps")
  }

  @Test func `Whoever goes on between measurement and move goes on with the same bits`() throws {
    var straight = try odm()
    straight.observe(observed([3, 2, nil]))
    _ = try straight.moved(after: 50, from: .uniform(3))
    straight.observe(observed([2.5, .nan, 1]))
    var resumed = try odm().restored(from: straight)
    #expect(
      try straight.moved(after: 51, from: .uniform(3)).weights == resumed.moved(after: 51, from: .uniform(3)).weights)
    #expect(straight.state == resumed.state)
  }
}
