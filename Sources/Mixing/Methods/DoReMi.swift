import Glibc
import Settings

/// DoReMi (Xie et al., arXiv 2305.10429): domains gain where the model is worse than a reference model of the same
/// size.
///
/// Before every step, with the excess loss lambda_i of the step's sequences of domain i over the reference, a mean of
/// max(0, loss - reference loss) by token,
///
///     alpha_i <- alpha_i exp(step lambda_i) / sum,   then   alpha <- (1 - smoothing) alpha + smoothing u
///
/// with u uniform over the domains with text. The losses of this very step are weighted by the new alpha, while domains
/// are drawn by weights that stand still; the mean of alpha is the result, for another run to draw by.
///
/// Source: sangmichaelxie/doremi, with the smoothing of its run script (1e-3, not the argument's default 1e-4). There a
/// domain without sequences in a step is moved by its last excess again, which starts at the logarithm of the
/// vocabulary (`absent: keep`). By default such a domain is not moved here: with more domains than sequences most moves
/// would be repetitions.
package struct DoReMi: MixingMethod {
  package static let name = "doremi"

  /// What happens to a domain without sequences in a step.
  package enum Absent: String, CaseIterable, Sendable {
    /// It is not moved.
    case skip
    /// It is moved by its last excess loss again.
    case keep
  }

  package struct State: Codable, Sendable, Equatable {
    /// The weights that the method has led to.
    package var alpha: Weights
    /// The excess loss of each domain that was measured last, (domains).
    package var excess: [Double]
    /// Excess losses since the last move.
    fileprivate var pending: DomainMeans
  }

  package var state: State
  package let start: Weights
  package let weighting: Weighting
  private let settings: Settings
  private let even: Weights

  package init(_ settings: Settings, for run: RunFacts) throws {
    self.settings = settings
    (start, weighting) = (run.prior, settings.weighting)
    even = Weights.uniform(over: zip(run.prior.support, run.isReadable).map { $0 && $1 }) ?? run.prior
    state = State(
      alpha: run.prior, excess: [Double](repeating: log(Double(max(run.vocabularySize, 1))), count: run.prior.count),
      pending: DomainMeans(domains: run.prior.count))
  }

  package var summary: String { "log weights by \(settings.step) times the loss in excess of the reference's" }

  package func wants(before step: Int) -> Measurements { [.weights, .referenceLosses] }

  package mutating func observe(_ observations: Observations) {
    guard observations.source == .comingBatch else { return }
    state.pending.add(observations.excessLosses, of: observations.domains)
  }

  package func check(_ state: State) throws(StateFault) {
    try Mixing.check(["alpha": state.alpha.count, "excess": state.excess.count], are: start.count)
    try state.pending.check("pending", domains: start.count)
  }

  package mutating func carry(_ before: State, over change: DomainChange) {
    state.alpha = change.carried(before.alpha, otherwise: start)
    change.carry(before.excess, into: &state.excess)
    state.pending.carry(before.pending, over: change)
  }

  package mutating func move(after step: Int, from present: Weights) -> Move? {
    guard !state.pending.isEmpty else { return nil }
    defer { state.pending.removeAll() }
    let moves = state.excess.indices.map { domain -> Double in
      guard let excess = state.pending[domain] else { return settings.absent == .keep ? state.excess[domain] : 0 }
      state.excess[domain] = excess
      return excess
    }
    let raw = state.alpha.exponentiated(by: moves, rate: settings.step)
    // Mixing rounds the smallest weights to zero, from where they could not return.
    state.alpha = settings.smoothing == 0 ? raw : raw.mixed(with: even, share: settings.smoothing)
    var move = Move(weights: state.alpha, raw: raw)
    move.spread = min(settings.step * (moves.max()! - moves.min()!), .greatestFiniteMagnitude)
    move.scores = Scores(values: moves)
    move.refused = state.pending.firstBroken
    return move
  }
}

extension DoReMi {
  /// The keys of DoReMi.
  package struct Settings: MethodSettings, Equatable {
    /// What the weights decide.
    package var weighting = Weighting.loss
    /// The factor between excess losses and changes of log weights: eta of the paper.
    package var step = 1.0
    /// The part of the weights that each move spreads evenly: c of the paper.
    package var smoothing = 1e-3
    /// What happens to a domain without sequences in a step.
    package var absent = Absent.skip

    package init() {}

    package mutating func visit(_ keys: any KeyVisitor) throws {
      try keys.choice(
        "weighting", &weighting,
        "what the weights decide: how much the domains' losses count (`loss`), or which domains are drawn (`draws`)")
      try keys.section("doremi") { doremi in
        try doremi.number("step", &step, in: 0...1e9, "the factor between excess losses and changes of log weights")
        try doremi.number("smoothing", &smoothing, in: 0...1, "the part of the weights that each move spreads evenly")
        try doremi.choice(
          "absent", &absent,
          "what happens to a domain without sequences in a step: nothing (`skip`), or its last move again (`keep`)")
      }
    }
  }
}
