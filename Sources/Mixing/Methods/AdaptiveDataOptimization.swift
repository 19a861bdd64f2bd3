import Glibc
import Settings

/// Adaptive Data Optimization (Jiang, Zhou, Feng, Malladi, Kolter, arXiv 2410.11820): domains whose losses still fall
/// are read more.
///
/// The training losses of domain k follow a ``ScalingLaw`` L_k(n) of all sequences n. After t steps, with the prior mu
/// and h, a moving average of the domains' shares of what was trained on,
///
///     h_k <- 0.9 h_k + 0.1 share_k                                        after every step
///     rho_k ~ max(alpha_k, 0.05) (L_k(n) - exp(e_k)) / n  mu_k sqrt(h_k),   then at least min(0.01, 0.1 / K)
///     p = 0.9 mean + 0.1 rho,   then   mean <- mean + (rho - mean) / (t + 1)
///
/// Source: yidingjiang/ado, ado.py, whose constants these are. Ours: laws are fitted first when a tenth of the run is
/// over and there are 50 points, again after each twentieth, to means of steps (``LossHistory``) instead of the whole
/// history smoothed; the first fiftieth of the run, where the learning rate warms up, is left out. A domain without a
/// law falls as the mean of the others. The floor is lower with more than ten domains, where 0.01 each may not be
/// possible. With moves every so many steps, each counts as that many in the mean.
package struct AdaptiveDataOptimization: MixingMethod {
  package static let name = "ado"

  package struct State: Codable, Sendable, Equatable {
    /// The law of each domain; nil while there is none.
    package var laws: [ScalingLaw?]
    /// The moving average of the domains' shares of what was trained on, (domains): h.
    package var shares: [Double]
    /// The mean of rho so far.
    package var mean: Weights
    /// The sequences that the run has been trained on.
    package var sequences = 0.0
    /// Steps at the last fit; 0 before the first.
    fileprivate var fitted = 0
    fileprivate var history: LossHistory
    /// The first domain since the last move that had a loss that was not finite.
    fileprivate var broken: Int?
  }

  package var state: State
  package let start: Weights
  private let steps, interval: Int

  package init(_ settings: Settings, for run: RunFacts) throws {
    (start, steps, interval) = (run.prior, run.steps, run.interval)
    state = State(
      laws: [ScalingLaw?](repeating: nil, count: run.prior.count), shares: run.prior.values, mean: run.prior,
      history: LossHistory(domains: run.prior.count))
  }

  private var firstFit: Int { max(1, steps / 10) }

  package func wants(before step: Int) -> Measurements {
    step - 1 >= firstFit && (step - 1) % interval == 0 ? [.weights] : []
  }

  package mutating func observe(_ observations: Observations) {
    guard observations.source == .training, !observations.losses.isEmpty else { return }
    var counts = [Double](repeating: 0, count: state.shares.count)
    for (domain, loss) in zip(observations.domains, observations.losses) {
      counts[domain] += 1
      if !loss.isFinite { state.broken = min(domain, state.broken ?? domain) }
    }
    let rows = Double(observations.losses.count)
    for domain in counts.indices { state.shares[domain] = 0.9 * state.shares[domain] + 0.1 * counts[domain] / rows }
    state.sequences += rows
    if observations.step > steps / 50 {
      state.history.add(observations.losses, of: observations.domains, sequences: state.sequences)
    }
  }

  package func check(_ state: State) throws(StateFault) {
    let count = start.count
    try Mixing.check(["laws": state.laws.count, "shares": state.shares.count, "mean": state.mean.count], are: count)
    try Mixing.check("sequences", state.sequences >= 0, "is negative")
    try Mixing.check("broken", (0..<count).contains(state.broken ?? 0), "is a domain that the corpus has not")
    try state.history.check("history", domains: count)
  }

  package mutating func carry(_ before: State, over change: DomainChange) {
    change.carry(before.laws, into: &state.laws)
    state.shares = change.carried(Weights(proportionalTo: before.shares) ?? start, otherwise: start).values
    state.mean = change.carried(before.mean, otherwise: start)
    (state.sequences, state.fitted) = (before.sequences, before.fitted)
    state.history = before.history.carried(over: change)
  }

  package mutating func move(after step: Int, from present: Weights) -> Move? {
    if state.history.count >= 50, state.fitted == 0 || step - state.fitted >= max(1, steps / 20) { fit(after: step) }
    guard let slopes = slopes(), let raw = preference(slopes) else { return nil }
    var move = Move(weights: state.mean.mixed(with: raw, share: 0.1), raw: raw)
    state.mean = state.mean.mixed(with: raw, share: min(1, Double(interval) / Double(step + 1)))
    move.scores = Scores(values: slopes)
    (move.refused, state.broken) = (state.broken, nil)
    return move
  }

  private mutating func fit(after step: Int) {
    state.fitted = step
    for domain in state.laws.indices {
      let points = state.history.losses(of: domain, most: 100)
      // With fewer the three parameters follow the noise.
      if points.count >= 20, let law = ScalingLaw(fitting: points) { state.laws[domain] = law }
    }
  }

  /// How fast each domain's loss falls per sequence; nil if nothing is known of any.
  private func slopes() -> [Double]? {
    let slopes = state.laws.map { law in law.map { $0.slope(state.sequences) }.flatMap { $0.isFinite ? $0 : nil } }
    let known = slopes.compactMap(\.self)
    guard !known.isEmpty else { return nil }
    let mean = known.reduce(0, +) / Double(known.count)
    return slopes.map { $0 ?? mean }
  }

  /// rho: slopes that are all zero prefer no domain.
  private func preference(_ slopes: [Double]) -> Weights? {
    let largest = slopes.max()!
    let domains = start.values.indices
    let shares = domains.map {
      (largest > 0 ? slopes[$0] / largest : 1) * start.values[$0] * state.shares[$0].squareRoot()
    }
    let floor = min(0.01, 0.1 / Double(start.support.count(where: \.self)))
    guard let preferred = Weights(proportionalTo: shares) else { return nil }
    return Weights(proportionalTo: domains.map { start.values[$0] > 0 ? max(preferred.values[$0], floor) : 0 })
  }

  /// ADO has no keys of its own.
  package struct Settings: MethodSettings, Equatable {
    package static let defaultInterval: Quantity? = Quantity(1, .steps)
    package init() {}
    package mutating func visit(_ keys: any KeyVisitor) throws {}
  }
}
