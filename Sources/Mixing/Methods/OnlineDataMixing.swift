import Glibc
import Settings

/// Online Data Mixing (Albalak et al., arXiv 2312.02406): a bandit that draws domains with high training losses.
///
/// With the mean L_i of the losses of domain i's sequences since the last move, for domains that were drawn, K domains
/// with weight and `epsilon_t = min(1 / K, sqrt(log K / (K t)))` after t steps,
///
///     repository:   R_i <- 0.9 R_i + 0.1 exp(L_i)        pi = (1 - K epsilon_t) R / sum R + epsilon_t
///     paper:        R_i <- 0.9 R_i + 0.1 L_i / pi_i      pi = (1 - K epsilon_t) softmax(epsilon_{t-1} R) + epsilon_t
///
/// where exp(L) is taken of each sequence before the mean. Source: alon-albalak/online-data-mixing. The default is the
/// repository's form, which its authors recommend, and whose code was read; the paper's form hardly leaves uniform
/// weights, since exponents shrink with time. Ours: the losses of the steps before the first move count in that move,
/// so that domains drawn then are not unknown; and the paper's pi_i is the weight in use, with caps. A domain that was
/// never drawn has R = 0, hence only epsilon.
package struct OnlineDataMixing: MixingMethod {
  package static let name = "odm"

  /// The way from losses to weights.
  package enum Form: String, CaseIterable, Sendable {
    /// That of the paper: importance weights and an exponential.
    case paper
    /// That of the authors' code: exponentials of losses, in proportion.
    case repository
  }

  package struct State: Codable, Sendable, Equatable {
    /// What drawing each domain has paid, (domains).
    package var rewards: [Double]
    /// Losses since the last move, or their exponentials.
    fileprivate var pending: DomainMeans
  }

  package var state: State
  package let start: Weights
  private let form: Form
  private let warmup, interval: Int

  package init(_ settings: Settings, for run: RunFacts) throws {
    (start, form, interval) = (run.prior, settings.form, run.interval)
    let (amount, step) = (settings.warmup.count, max(run.tokensPerStep, 1))
    warmup = settings.warmup.unit == .tokens ? amount / step + (amount % step > 0 ? 1 : 0) : amount
    state = State(
      rewards: [Double](repeating: 0, count: run.prior.count), pending: DomainMeans(domains: run.prior.count))
  }

  package var summary: String { "in the form of the \(form.rawValue)" + (warmup > 0 ? ", after \(warmup) steps" : "") }

  package func wants(before step: Int) -> Measurements {
    step - 1 > warmup && (step - 1) % interval == 0 ? [.weights] : []
  }

  package mutating func observe(_ observations: Observations) {
    guard observations.source == .training else { return }
    let losses = observations.losses
    state.pending.add(form == .paper ? losses : losses.map { exp($0) }, of: observations.domains)
  }

  package func check(_ state: State) throws(StateFault) {
    try Mixing.check(["rewards": state.rewards.count], are: start.count)
    try state.pending.check("pending", domains: start.count)
  }

  /// A new domain is taken for an average one: a reward of 0 would be the lowest.
  package mutating func carry(_ before: State, over change: DomainChange) {
    let kept = change.carried(before.rewards.map(Optional.some), new: nil).compactMap(\.self)
    state.rewards = change.carried(before.rewards, new: kept.reduce(0, +) / Double(max(1, kept.count)))
    state.pending.carry(before.pending, over: change)
  }

  package mutating func move(after step: Int, from present: Weights) -> Move? {
    guard !state.pending.isEmpty else { return nil }
    defer { state.pending.removeAll() }
    for domain in state.rewards.indices {
      guard let mean = state.pending[domain], present.values[domain] > 0 else { continue }
      let reward = 0.9 * state.rewards[domain] + 0.1 * (form == .paper ? mean / present.values[domain] : mean)
      if reward.isFinite { state.rewards[domain] = reward }
    }
    let even = Weights.uniform(over: start.support) ?? start
    let raw =
      switch form {
      case .paper: even.exponentiated(by: state.rewards, rate: exploration(step - 1))
      case .repository: Weights(proportionalTo: zip(state.rewards, start.support).map { $1 ? $0 : 0 }) ?? even
      }
    let domains = Double(start.support.count(where: \.self))
    var move = Move(weights: raw.mixed(with: even, share: min(1, domains * exploration(step))), raw: raw)
    move.scores = Scores(values: state.rewards)
    move.refused = state.pending.firstBroken
    return move
  }

  /// What every domain with weight is drawn with at least, after some steps.
  private func exploration(_ step: Int) -> Double {
    let domains = Double(start.support.count(where: \.self))
    return min(1 / domains, (log(domains) / (domains * Double(max(step, 1)))).squareRoot())
  }
}

extension OnlineDataMixing {
  /// The keys of ODM.
  package struct Settings: MethodSettings, Equatable {
    package static let defaultInterval: Quantity? = Quantity(1, .steps)

    /// The way from losses to weights.
    package var form = Form.repository
    /// How long the weights stay as they start.
    package var warmup = Quantity(0, .steps)

    package init() {}

    package mutating func visit(_ keys: any KeyVisitor) throws {
      try keys.section("odm") { odm in
        try odm.choice(
          "form", &form, "the way from losses to weights: that of the authors' `repository`, or of their `paper`")
        try odm.amount("warmup", &warmup, in: [.steps, .tokens], "how long the weights stay as they start")
      }
    }
  }
}
