import Foundation
import Mixing
import Settings
import Testing

private func facts(_ tokens: [Int], prior: [Double]? = nil) -> RunFacts {
  RunFacts(
    domains: tokens.indices.map { "d\($0)" }, tokens: tokens, prior: prior.flatMap { Weights(proportionalTo: $0) })
}

private func doremi(_ keys: [String: Any] = [:], _ run: RunFacts = facts([1, 1, 1])) throws -> DoReMi {
  try DoReMi(DoReMi.Settings(given: ["doremi": keys]), for: run)
}

/// Two sequences of each domain with an excess loss, which is their mean.
private func observed(_ excess: [Double?]) -> Observations {
  let domains = excess.indices.filter { excess[$0] != nil }
  var observations = Observations(.comingBatch, step: 1, domains: domains + domains)
  observations.excessLosses = domains.map { excess[$0]! * 1.5 } + domains.map { excess[$0]! * 0.5 }
  return observations
}

@Suite struct DoReMiTests {
  @Test func `Two steps give the weights and the mean worked out`() throws {
    var mixture = Mixture(try doremi(["absent": "keep"]))
    mixture.observe(observed([0.3, 0, 0.1]))
    _ = try mixture.moved(after: 0)
    #expect(error(mixture.weights.values, [0.390636, 0.289477, 0.319887]) < 1e-6)
    mixture.observe(observed([0.2, 0.4, nil]))
    let moved = try mixture.moved(after: 1)
    #expect(moved.move.refused == nil)
    #expect(error(mixture.weights.values, [0.377875, 0.342049, 0.280076]) < 1e-6)
    #expect(error(mixture.average.values, [0.384256, 0.315763, 0.299981]) < 1e-6)
  }

  @Test func `A smaller part that is spread evenly gives the weights worked out`() throws {
    var method = try doremi(["absent": "keep", "smoothing": 1e-4])
    method.observe(observed([0.3, 0, 0.1]))
    #expect(error(try method.moved(from: .uniform(3)).weights.values, [0.390688, 0.289438, 0.319874]) < 1e-6)
    method.observe(observed([0.2, 0.4, nil]))
    #expect(error(try method.moved(from: .uniform(3)).weights.values, [0.377968, 0.342013, 0.280019]) < 1e-6)
  }

  @Test func `A domain without sequences is skipped, or moved as before`() throws {
    var method = try doremi()
    method.observe(observed([0.3, 0, 0.1]))
    _ = try method.moved(from: .uniform(3))
    let before = method.state.alpha
    method.observe(observed([0.2, 0.4, nil]))
    let move = try method.moved(from: .uniform(3))
    #expect(move.raw == before.exponentiated(by: [0.2, 0.4, 0], rate: 1))
    // In the authors' code a domain that was never seen has the loss of a guess among all tokens.
    var run = facts([1, 1])
    run.vocabularySize = 8
    method = try doremi(["absent": "keep"], run)
    method.observe(observed([0, nil]))
    #expect(error(try method.moved(from: .uniform(2)).raw!.values, [1.0 / 9, 8.0 / 9]) < 1e-14)
  }

  @Test func `Zeros move the weights towards uniform only, and shifts and names do not matter`() throws {
    var method = try doremi([:], facts([1, 1, 1], prior: [2, 1, 1]))
    method.observe(observed([0, 0, 0]))
    let weights = try method.moved(from: method.start).weights
    #expect(error(weights.values, [0.5 - 0.5e-3 / 3, 0.25 + 0.25e-3 / 3, 0.25 + 0.25e-3 / 3]) < 1e-15)
    var (plain, shifted, renamed) = (try doremi(), try doremi(), try doremi())
    plain.observe(observed([0.3, 0.1, 0.7]))
    shifted.observe(observed([5.3, 5.1, 5.7]))
    renamed.observe(observed([0.7, 0.3, 0.1]))
    let values = try plain.moved(from: .uniform(3)).weights.values
    #expect(error(try shifted.moved(from: .uniform(3)).weights.values, values) < 1e-14)
    #expect(error(try renamed.moved(from: .uniform(3)).weights.values, [values[2], values[0], values[1]]) < 1e-15)
  }

  @Test(arguments: [Double.nan, .infinity])
  func `An excess loss that is not finite is left out and named`(bad: Double) throws {
    var (broken, absent) = (try doremi(), try doremi())
    broken.observe(observed([0.3, bad, 0.1]))
    absent.observe(observed([0.3, nil, 0.1]))
    let move = try broken.moved(from: .uniform(3))
    #expect(try move.weights == absent.moved(from: .uniform(3)).weights && move.refused == 1)
    var mixture = Mixture(try doremi())
    mixture.observe(observed([0.3, bad, 0.1]))
    let report = try mixture.moved(after: 0).report
    #expect(report.warnings == [.leftOut(domain: 1)])
    #expect(report.warnings[0].sentence { ["a", "b", "c"][$0] }.contains("measured of b is not finite"))
    mixture.observe(observed([bad, bad, bad]))
    let moved = try mixture.moved(after: 1)
    #expect(moved.move.refused == 0)
  }

  @Test func `One domain keeps all weight; what starts at zero or has no text is not spread to`() throws {
    var single = try doremi([:], facts([1]))
    single.observe(observed([0.3]))
    #expect(try single.moved(from: .uniform(1)).weights.values == [1])
    var method = try doremi(["smoothing": 0.5], facts([1, 1, 0, 1], prior: [0, 1, 0, 1]))
    method.observe(observed([9, 0, 9, 0]))
    #expect(try method.moved(from: method.start).weights.values == [0, 0.5, 0, 0.5])
  }

  @Test func `Whoever goes on between measurement and move goes on with the same bits`() throws {
    var straight = try doremi(["absent": "keep"])
    straight.observe(observed([0.3, 0, nil]))
    _ = try straight.moved(from: .uniform(3))
    straight.observe(observed([0.2, .nan, nil]))
    var resumed = try doremi(["absent": "keep"]).restored(from: straight)
    #expect(try straight.moved(from: .uniform(3)).weights == resumed.moved(from: .uniform(3)).weights)
    #expect(straight.state == resumed.state)
  }

  @Test func `Losses of a reference are wanted before every step, and other rows are not taken for them`() throws {
    var method = try doremi()
    #expect(
      method.weighting == .loss && (1...5).allSatisfy { method.wants(before: $0) == [.weights, .referenceLosses] })
    var training = Observations(.training, step: 1, domains: [0, 1])
    training.losses = [1, 2]
    method.observe(training)
    #expect(method.move(after: 1, from: .uniform(3)) == nil)
    #expect(try DoReMi(DoReMi.Settings(given: ["weighting": "draws"]), for: facts([1])).weighting == .draws)
  }
}
