import Settings

/// Distribution reweighting (Fan, Grangier, Ablin, arXiv 2410.02498, section 3.2): the weights are a mixture of a few
/// given distributions over the domains, and Dynamic Gradient Alignment moves the coefficients.
///
///     alpha = sum_n w_n p_n,   w by ``DynamicGradientAlignment`` as if distributions were domains
///
/// The sequences that are trained on were drawn from alpha; their scores tell of every distribution
/// (``BasisEstimate``). Estimators that read text of their own draw it from the distributions. With all weight on one
/// coefficient the draws are those of its distribution, to the bit.
package struct DistributionReweighting: MixingMethod {
  package static let name = DynamicGradientAlignment.name

  package struct State: Codable, Sendable {
    /// The names of the distributions, and their coefficients in use.
    package var names: [String]
    package var coefficients: Weights
    /// The state of the method that moves them.
    package var method: DynamicGradientAlignment.State
    /// Scores of sequences since the last move, and the domains they are of.
    var domains: [Int] = []
    var scores: [Double] = []
    /// What those scores are along, without values.
    var unit = 1.0
    var recurrence: Double? = 0
    /// How many sequences the distributions' scores were measured with at the last move.
    var sizes: [Double]
  }

  package var state: State {
    get {
      var state = kept
      state.method = method.state
      return state
    }
    set {
      kept = newValue
      method.state = newValue.method
    }
  }
  /// The state but for the method's, which it keeps itself.
  private var kept: State
  private var method: DynamicGradientAlignment
  private let basis: Basis
  private let domains: Int
  package let start: Weights
  package let summary: String
  package let remarks: [String]

  package init(_ settings: DynamicGradientAlignment.Settings, for run: RunFacts) throws {
    guard !run.adaptiveTargets else {
      throw SettingFault(
        "direction.adaptive", "weights of targets cannot move together with the coefficients of a `basis`")
    }
    guard !run.isPriorGiven || settings.basis.contains("prior") else {
      throw SettingFault(
        "prior", "the weights are a mixture of the `basis`, in which a prior has no part: add `prior` to the basis")
    }
    basis = try Basis(settings.basis, for: run)
    var facts = run
    facts.domains = DomainNames(basis.names)
    facts.tokens = basis.names.map { _ in 1 }
    facts.windows = facts.tokens
    facts.tree = nil
    facts.prior = try basis.coefficients(settings.coefficients)
    method = try DynamicGradientAlignment(settings, for: facts)
    domains = run.tokens.count
    start = Weights(basis.distributions, mixedBy: facts.prior, domains: domains)
    let entries = basis.entries.map { $0.range.count == 1 ? $0.name : "\($0.range.count) of \($0.name)" }
    summary = "weights are a mixture of \(entries.joined(separator: ", ")), whose coefficients move: \(method.summary)"
    remarks =
      [basis.remark(onStart: facts.prior)].compactMap(\.self)
      + run.remarks(
        onFewDocumentsOf: basis.targets(of: run), key: "basis",
        remedy: "With `natural` or `uniform` in the basis, too, coefficients can turn away from them.")
    kept = State(
      names: basis.names, coefficients: facts.prior, method: method.state, sizes: basis.names.map { _ in 0 })
  }

  package var warnsOfWeights: Bool { method.warnsOfWeights }
  package var comparesMoves: Bool { method.comparesMoves }
  package var probes: [SparseDistribution]? { basis.distributions }
  package func wants(before step: Int) -> Measurements { method.wants(before: step) }

  package mutating func observe(_ observations: Observations) {
    guard let scores = observations.scores.first else { return }
    if observations.source == .probes {
      method.observe(observations)
      for distribution in kept.sizes.indices { kept.sizes[distribution] = 0 }
      for (row, distribution) in observations.domains.enumerated() {
        kept.sizes[distribution] += observations.rowSizes.isEmpty ? 1 : Double(observations.rowSizes[row])
      }
    } else {
      kept.domains += observations.domains
      kept.scores += scores.values
      (kept.unit, kept.recurrence) = (scores.unit, scores.recurrence)
    }
  }

  /// - Parameter present: What the sequences since the last move were drawn with.
  package mutating func move(after step: Int, from present: Weights) -> Move? {
    let broken = zip(kept.domains, kept.scores).first { !$0.1.isFinite }?.0
    if !kept.domains.isEmpty { estimate(after: step, drawnBy: present.values) }
    guard let inner = method.move(after: step, from: kept.coefficients) else { return nil }
    kept.coefficients = inner.weights
    // Weights in use can be below caps, and so differ from the mixture.
    var move = Move(
      weights: inner.refused == nil ? mixed(inner.weights) : present, raw: inner.raw.map { mixed($0) })
    move.spread = inner.spread
    move.refused = inner.refused.map { broken ?? Int(basis.distributions[$0].domains[0]) }
    move.coefficients = Move.Coefficients(
      names: basis.names, weights: inner.weights, scores: inner.scores, effectiveSampleSizes: kept.sizes)
    return move
  }

  /// Tells the method what the sequences since the last move say of the distributions.
  private mutating func estimate(after step: Int, drawnBy q: [Double]) {
    let estimate = BasisEstimate(kept.scores, of: kept.domains, drawnBy: q, for: basis.distributions)
    kept.sizes = estimate.sizes
    var observations = Observations(.training, step: step, domains: estimate.distributions)
    observations.scores = [Observations.Scores(values: estimate.means, unit: kept.unit)]
    observations.scores[0].recurrence = kept.recurrence
    observations.means = estimate.worth
    method.observe(observations)
    (kept.domains, kept.scores, kept.unit) = ([], [], 1)
  }

  private func mixed(_ coefficients: Weights) -> Weights {
    Weights(basis.distributions, mixedBy: coefficients, domains: domains)
  }

  package func check(_ state: State) throws(StateFault) {
    let count = basis.names.count
    try Mixing.check(
      "names", state.names == basis.names,
      "is of another basis: \(state.names.prefix(3).joined(separator: ", ")) ... (\(state.names.count)) where "
        + "mixture.basis says \(basis.names.prefix(3).joined(separator: ", ")) ... (\(count))")
    try Mixing.check(["coefficients": state.coefficients.count, "sizes": state.sizes.count], are: count)
    try Mixing.check(["scores": state.scores.count], are: state.domains.count)
    try Mixing.check(
      "domains", state.domains.allSatisfy { (0..<domains).contains($0) }, "has a domain that the corpus has not")
    do {
      try method.check(state.method)
    } catch {
      throw StateFault("method.\(error.key)", error.problem)
    }
  }

  /// Distributions are matched by name, as domains are; scores since the last move are forgotten.
  package mutating func carry(_ before: State, over change: DomainChange) {
    let start = kept.coefficients
    guard let change = DomainChange(from: before.names, to: basis.names, shares: start) else { return }
    method.carry(before.method, over: change)
    kept.coefficients = change.carried(before.coefficients, otherwise: start)
  }

  package func weights(from before: Weights, over change: DomainChange, after step: Int) -> Weights {
    mixed(kept.coefficients)
  }

  package static func variant(from decoder: any MethodStateDecoder) -> StateFault? {
    guard (try? decoder.decode(DynamicGradientAlignment.State.self)) != nil else { return nil }
    return StateFault(
      "names",
      "is missing, because the run had no mixture.basis when this was written: go on without one, or "
        + "start a run with the basis")
  }

  package mutating func forgetScores() {
    method.forgetScores()
    (kept.domains, kept.scores) = ([], [])
  }
}

extension DynamicGradientAlignment {
  package static func variant(from decoder: any MethodStateDecoder) -> StateFault? {
    guard let state = try? decoder.decode(DistributionReweighting.State.self) else { return nil }
    return StateFault(
      "names",
      "is there, because the run had a mixture.basis of \(state.names.count) distributions when this "
        + "was written, and now has none: go on with that basis, or start a run without")
  }

  /// With a basis its coefficients move, else the domains' weights.
  package static func make(_ settings: Settings, for run: RunFacts) throws -> any MixingMethod {
    guard settings.basis.isEmpty else { return try DistributionReweighting(settings, for: run) }
    guard settings.coefficients.isEmpty else {
      throw SettingFault("coefficients", "there are no coefficients without a `basis`")
    }
    return try DynamicGradientAlignment(settings, for: run)
  }
}

extension DynamicGradientAlignment.Settings {
  mutating func visitBasis(_ keys: any KeyVisitor) throws {
    try keys.texts(
      "basis", &basis,
      "distributions over domains whose coefficients move instead of the domains' weights: `target` (its documents by "
        + "domain), `uniform`, `natural`, `prior`, targets of the corpus, and levels of the tree such as `level1`")
    try keys.shares(
      "coefficients", &coefficients,
      "the coefficients that the distributions of the `basis` start with, by their names; without it all are equal. "
        + "Moves multiply, so a distribution that has no share here keeps a coefficient of 0 throughout the run")
    guard !basis.isEmpty else { return }
    guard shrink != .tree else {
      throw keys.failure(
        "shrink", "distributions of a `basis` are in no tree; `flat` shrinks their scores towards the mean")
    }
    guard explore == 0 else {
      throw keys.failure("explore", "a `basis` has no draws for the sake of knowledge")
    }
  }
}
