import Mixing
import Settings

/// The update rule of DGA, moved by scores that a test gives instead of by observations.
struct ScriptedAlignment: MixingMethod {
  static let name = "scripted"
  typealias Settings = NoSettings

  /// What the next move goes by.
  final class Script: @unchecked Sendable {
    var scores: Scores?
  }

  struct State: Codable, Equatable, Sendable {
    var raw: Weights
  }

  var state: State
  let start: Weights
  let script = Script()
  private let rule: UpdateRule

  init(_ rule: UpdateRule, domains: Int) {
    self.rule = rule
    start = .uniform(domains)
    state = State(raw: start)
  }

  init(_ settings: NoSettings, for run: RunFacts) throws {
    self.init(UpdateRule(eta: 1), domains: run.domains.count)
  }

  mutating func move(after step: Int, from present: Weights) -> Move? {
    script.scores.map { rule.move(raw: &state.raw, from: present, scores: $0) }
  }
}

extension Mixture {
  /// A mixture that starts at uniform weights and follows a rule.
  init(domains: Int, following rule: UpdateRule, limits: [Double]? = nil) {
    self.init(ScriptedAlignment(rule, domains: domains), limits: limits)
  }

  private var scripted: ScriptedAlignment { method as! ScriptedAlignment }

  /// The weights before smoothing.
  var raw: Weights { scripted.state.raw }

  /// Moves by scores.
  mutating func update(_ scores: Scores, limits: [Double]? = nil) -> MixingReport {
    scripted.script.scores = scores
    return move(after: state.moves, limits: limits)!.report
  }

  /// Moves by alignments alone.
  mutating func update(alignment: [Double]) -> MixingReport { update(Scores(values: alignment)) }
}
