import Settings

/// DoGE (Fan, Pagliardini, Jaggi, arXiv 2310.15393): domains gain as far as their gradients point like the target's,
/// and never lose.
///
/// With the gradients g_i of the domains that were measured and G of the target, each clipped to a norm first,
///
///     S_i = learning rate x min(max(<g_i, G> / (mean of |g_j| + 1e-6), 0), largest score); 0 for other domains
///     alpha_i <- alpha_i exp(S_i / step) / sum
///
/// Source: Olivia-fsm/DoGE, trainer.py. Its proxy run weights losses by alpha (`weighting: loss`), and the mean of
/// alpha is the result, for another run to draw by; here alpha can also decide what is drawn while the run goes on
/// (`weighting: draws`), with fewer moves, at intervals. The target version's G is the gradient of the steering
/// targets; the universal version's that of the mean loss over domains, on text of its own, like the separate stream of
/// the authors' shipped configuration. The score is meant to leave <g_i, g_i> out of <g_i, sum_j g_j>. That is exact
/// only if G is the sum of the very gradients g_i, which it is not here; so the function of scores can do it, but no
/// key asks for it.
package struct DoGE: MixingMethod {
  package static let name = "doge"

  package struct State: Codable, Sendable, Equatable {
    /// The weights that the method has led to.
    package var alpha: Weights
    /// Inner products of rows with the direction since the last move.
    fileprivate var products: DomainMeans
    /// Norms that were measured last: of domains' gradients, (domains), and of the direction; nil where not finite.
    fileprivate var norms: [Double?] = []
    fileprivate var directionNorm: Double?
    fileprivate var learningRate = 0.0
  }

  package var state: State
  package let start: Weights
  package let weighting: Weighting
  package let directions: ScoreDirections
  private let step, clip, largest: Double
  private let interval: Int

  package init(_ settings: Settings, for run: RunFacts) throws {
    guard run.estimation.givesNorms else {
      throw SettingFault(
        "estimator", "DoGE needs the norms of the domains' gradients, which this estimator does not give")
    }
    (start, weighting, interval) = (run.prior, settings.weighting, run.interval)
    directions = settings.isUniversal ? .generic : .combined
    (step, clip, largest) = (settings.resolvedStep, settings.resolvedClip, settings.largestScore)
    state = State(alpha: run.prior, products: DomainMeans(domains: run.prior.count))
  }

  package var summary: String {
    (directions == .generic ? "towards all domains" : "towards the targets") + ", log weights by scores over \(step)"
      + (weighting == .loss ? ", before every step: weights of losses" : "")
  }

  package func wants(before step: Int) -> Measurements {
    if weighting == .loss { return [.weights, .scores] }
    return step > 1 && (step - 1) % interval == 0 ? [.weights, .scores] : []
  }

  package mutating func observe(_ observations: Observations) {
    guard let scores = observations.scores.first else { return }
    state.products.add(scores.values.map { $0 * scores.unit }, of: observations.domains)
    state.norms = observations.gradientNorms.map { $0.flatMap { $0.isFinite ? $0 : nil } }
    state.directionNorm = observations.directionNorms.first.flatMap { $0.isFinite ? $0 : nil }
    state.learningRate = observations.learningRate
  }

  package func check(_ state: State) throws(StateFault) {
    try Mixing.check(["alpha": state.alpha.count], are: start.count)
    try state.products.check("products", domains: start.count)
    if !state.norms.isEmpty { try Mixing.check(["norms": state.norms.count], are: start.count) }
  }

  package mutating func carry(_ before: State, over change: DomainChange) {
    state.alpha = change.carried(before.alpha, otherwise: start)
    state.products.carry(before.products, over: change)
    state.norms = before.norms.isEmpty ? [] : change.carried(before.norms, new: nil)
    (state.directionNorm, state.learningRate) = (before.directionNorm, before.learningRate)
  }

  package mutating func move(after step: Int, from present: Weights) -> Move? {
    guard !state.products.isEmpty else { return nil }
    defer { state.products.removeAll() }
    let measured = state.alpha.values.indices.map { domain -> Gradient? in
      guard let product = state.products[domain], domain < state.norms.count, let norm = state.norms[domain] else {
        return nil
      }
      return Gradient(product: product, norm: norm)
    }
    var scores = [Double](repeating: 0, count: measured.count)
    if let norm = state.directionNorm, state.learningRate.isFinite {
      scores = Self.scores(
        measured, directionNorm: norm, learningRate: state.learningRate, clip: clip, largest: largest)
    }
    state.alpha = state.alpha.exponentiated(by: scores, rate: 1 / self.step)
    var move = Move(weights: state.alpha)
    move.spread = (scores.max()! - scores.min()!) / self.step
    move.scores = Scores(values: scores)
    // A domain with rows but without a gradient's norm was measured, but not to a finite number.
    move.refused = measured.indices.first {
      state.products.counts[$0] > 0 && (measured[$0] == nil || state.directionNorm == nil)
    }
    return move
  }

  package mutating func forgetScores() { state.products.removeAll() }
}

extension DoGE {
  /// What is measured of a domain's mean gradient.
  package struct Gradient: Sendable {
    /// Its inner product with the direction, and its norm.
    package var product, norm: Double

    package init(product: Double, norm: Double) { (self.product, self.norm) = (product, norm) }
  }

  /// The scores S_i of all domains, (domains).
  ///
  /// - Parameters:
  ///   - gradients: Nil for a domain that was not measured.
  ///   - clip: Gradients and direction are scaled down to this norm.
  ///   - largest: The most a score can be, over the learning rate.
  ///   - excludesSelf: Whether `|g_i|^2` is taken off `<g_i, G>`: right if G is the sum of these very gradients.
  package static func scores(
    _ gradients: [Gradient?], directionNorm: Double, learningRate: Double, clip: Double = .infinity,
    largest: Double = 5, excludesSelf: Bool = false
  ) -> [Double] {
    func factor(_ norm: Double) -> Double { norm > clip ? clip / norm : 1 }
    let norms = gradients.compactMap { $0.map { $0.norm * factor($0.norm) } }
    let mean = norms.reduce(0, +) / Double(max(norms.count, 1))
    return gradients.map { gradient in
      guard let gradient else { return 0 }
      let own = excludesSelf ? gradient.norm * gradient.norm : 0
      let product = (gradient.product - own) * factor(gradient.norm) * factor(directionNorm)
      return learningRate * min(max(product / (mean + 1e-6), 0), largest)
    }
  }

  /// The keys of DoGE.
  package struct Settings: MethodSettings, Equatable {
    package static let defaultInterval: Quantity? = Quantity(50, .steps)
    package static let needsNorms = true

    /// What the weights decide.
    package var weighting = Weighting.draws
    /// Whether domains are to help all domains, not the targets.
    package var isUniversal = false
    /// What scores are divided by to be changes of log weights: mu of the paper.
    package var step: Double?
    /// The largest norm of a gradient.
    package var clip: Double?
    /// The most that a score can be, over the learning rate.
    package var largestScore = 5.0

    package init() {}

    var resolvedStep: Double { step ?? (isUniversal ? 0.01 : 0.05) }
    var resolvedClip: Double { clip ?? (isUniversal ? 5 : 1) }

    package mutating func visit(_ keys: any KeyVisitor) throws {
      try keys.choice(
        "weighting", &weighting,
        "what the weights decide: which domains are drawn (`draws`), or how much their losses count (`loss`)")
      try keys.section("doge") { doge in
        try doge.flag(
          "universal", &isUniversal, "whether domains are to help all domains instead of the steering targets")
        try doge.number(
          "step", &step, in: 0...1e9,
          "what scores are divided by to be changes of log weights; without it 0.05, or 0.01 if `universal`")
        if step == 0 { throw doge.failure("step", "scores cannot be divided by 0") }
        try doge.number(
          "clip", &clip, in: 0...1e9, "the largest norm that gradients count with; without it 1, or 5 if `universal`")
        try doge.number(
          "largest_score", &largestScore, in: 0...1e9, "the most that a score can be, over the learning rate")
      }
    }
  }
}
