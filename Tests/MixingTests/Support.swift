import Foundation
import Mixing
import Testing

extension Mixture {
  /// DGA without a memory, so that alignments are scores.
  init(domains: Int, following rule: UpdateRule, start: Weights? = nil) {
    self.init(DynamicGradientAlignment(rule, memory: 0, start: start ?? .uniform(domains)))
  }

  /// The weights of DGA before smoothing.
  var raw: Weights { (method as! DynamicGradientAlignment).state.raw }

  /// Moves, which it is expected to.
  mutating func moved(after step: Int) throws -> (move: Move, report: MixingReport) {
    let moved = move(after: step)
    return try #require(moved)
  }

  /// Observes one alignment per domain, and moves.
  mutating func update(alignment: [Double], limits: [Double]? = nil) -> MixingReport {
    var observations = Observations(.probes, step: state.moves + 1, domains: Array(alignment.indices))
    observations.scores = [Observations.Scores(values: alignment)]
    observations.rowSizes = observations.domains.map { _ in 1 }
    observe(observations)
    return move(after: state.moves + 1, limits: limits)!.report
  }
}

/// A rule with the weights that it has led to.
struct RuleMixture {
  var rule: UpdateRule
  var raw, weights: Weights

  init(domains: Int, following rule: UpdateRule) {
    self.rule = rule
    (raw, weights) = (.uniform(domains), .uniform(domains))
  }

  mutating func update(_ scores: Scores) -> Move {
    let move = rule.move(raw: &raw, from: weights, scores: scores)
    weights = move.weights
    return move
  }
}

/// A method's state as JSON, as in a checkpoint.
struct JSONState: MethodStateDecoder {
  var data: Data

  init(of method: any MixingMethod) throws { data = try Self.encode(method) }

  private static func encode(_ method: some MixingMethod) throws -> Data { try JSONEncoder().encode(method.state) }

  func decode<State: Decodable>(_ type: State.Type) throws -> State { try JSONDecoder().decode(type, from: data) }
}

extension MixingMethod {
  /// Moves, which it is expected to.
  mutating func moved(after step: Int = 1, from present: Weights) throws -> Move {
    let move = move(after: step, from: present)
    return try #require(move)
  }

  /// This method with the state of another, which has been through JSON.
  func restored(from other: Self) throws -> Self {
    var method = self
    method.state = try JSONState(of: other).decode(State.self)
    return method
  }
}

/// The largest difference from numbers that are written with six digits; infinite if there is none that is a number.
func error(_ values: [Double], _ expected: [Double]) -> Double {
  guard values.count == expected.count else { return .infinity }
  return zip(values, expected).reduce(0) { $1.0.isNaN || $1.1.isNaN ? .infinity : max($0, abs($1.0 - $1.1)) }
}
