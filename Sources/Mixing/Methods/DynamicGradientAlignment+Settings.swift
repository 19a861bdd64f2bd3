import Settings

extension DynamicGradientAlignment {
  /// The keys of DGA.
  package struct Settings: MethodSettings, Equatable {
    package static let defaultInterval: Quantity? = Quantity(50, .steps)

    /// What moves the weights.
    package var rule: UpdateRule
    /// How much earlier measurements count at a move, in `0...1`.
    package var memory: Double
    /// The factor between a target's score and the change of its log weight.
    package var targetRate = 10.0
    /// The share of the draws that goes to domains that could be the best one, but are not known well.
    package var explore = 0.0
    /// What scores are shrunk towards; nil for a tree if there is one, else the mean.
    package var shrink: Shrinking?
    /// The distributions over domains whose coefficients move instead of the domains' weights; empty for none.
    package var basis: [String] = []
    /// The coefficients that the distributions start with, by the names of the basis; empty for equal ones.
    package var coefficients: [Share] = []
    private let estimation: Estimation

    package init() { self.init(for: Estimation()) }

    package init(for estimation: Estimation) {
      self.estimation = estimation
      (rule, memory) = Self.defaults(estimation.isPaper ? .none : .evidence, isPaper: estimation.isPaper)
    }

    /// The rule and memory that go with a use of errors. Weights that walk need small steps and smoothing.
    private static func defaults(_ caution: UpdateRule.Caution, isPaper: Bool) -> (UpdateRule, memory: Double) {
      if isPaper { return (UpdateRule(step: .eta(0.3), newWeight: 0.1, caution: caution), 0) }
      if caution == .evidence {
        return (UpdateRule(step: .divergence(0.3), newWeight: 0.5, floor: 0.1, caution: caution), 0.9)
      }
      return (UpdateRule(step: .divergence(0.1), newWeight: 0.3, floor: 0.1, caution: caution), 0.8)
    }

    package mutating func visit(_ keys: any KeyVisitor) throws {
      if keys.isOverridden("preset") { keys.setAside(["eta", "kl", "caution", "floor"]) }
      if keys.isOverridden("eta") { keys.setAside(["kl"]) }
      if keys.isOverridden("kl") { keys.setAside(["eta"]) }
      if keys.isOverridden("estimator") { keys.setAside(["caution"]) }
      var caution = rule.caution
      try keys.choice(
        "caution", &caution,
        "what decides how far weights move. `evidence`: as far as scores of successive updates agree beyond chance, "
          + "along the best guesses of true scores. The others take one step per update from the present weights: "
          + "`none` along scores as measured, `shrink` along scores shrunk by their standard errors, `hold` only while "
          + "scores differ by more than their standard errors")
      guard ![.shrink, .hold].contains(caution) || estimation.givesErrors else {
        throw keys.failure(
          "caution",
          "'\(caution.rawValue)' needs standard errors, which the estimator '\(estimation.estimator)' does not give")
      }
      if caution != rule.caution { (rule, memory) = Self.defaults(caution, isPaper: estimation.isPaper) }
      try visitShrink(keys, caution)
      var (step, newWeight, recursion, floor) = (rule.step, rule.newWeight, rule.recursion, rule.floor)
      try step.visit(keys)
      try keys.section("smoothing") { smoothing in
        if keys.isOverridden("preset") { smoothing.setAside(["new_weight", "memory"]) }
        try smoothing.number(
          "new_weight", &newWeight, in: 0...1,
          "the share of the new weights in the moving average that is sampled from; 1 is no average")
        guard newWeight > 0 else {
          throw smoothing.failure("new_weight", "0 would keep the weights for ever; 1 means no smoothing")
        }
        try smoothing.number(
          "memory", &memory, in: 0...1, "how much the scores of earlier updates count; 0 is not at all")
        try smoothing.choice(
          "recursion", &recursion,
          "what an update starts from: the `raw` weights' own history, or the `smoothed` weights")
        guard caution != .evidence || recursion == .raw else {
          throw smoothing.failure(
            "recursion", "with `caution: evidence` weights start from the prior, not from earlier ones")
        }
      }
      try keys.number(
        "floor", &floor, in: 0...1,
        "the share of the weights that stays at the prior, or with another `caution` than `evidence` is spread evenly "
          + "over the domains of the prior at every update")
      try keys.number(
        "target_rate", &targetRate, in: 0...1e9,
        "with `direction.adaptive`, the factor between a target's improvement and its loss of log weight at an update"
      )
      rule = UpdateRule(step: step, newWeight: newWeight, recursion: recursion, floor: floor, caution: caution)
      try keys.number(
        "explore", &explore, in: 0...0.5,
        "with `inline` and `caution: evidence`, the share of the draws that goes to domains that could be the best one "
          + "but are not known well; losses are weighted so that training stays as the weights say")
      guard explore == 0 || (caution == .evidence && estimation.scoresTraining) else {
        throw keys.failure(
          "explore", "draws for the sake of knowledge need `estimator: inline` and `caution: evidence`")
      }
      guard explore == 0 || floor > 0 else {
        throw keys.failure("explore", "a domain whose weight may vanish cannot be explored: set a `floor` above 0")
      }
      try visitBasis(keys)
    }
  }
}

extension DynamicGradientAlignment.Settings {
  private mutating func visitShrink(_ keys: any KeyVisitor, _ caution: UpdateRule.Caution) throws {
    try keys.choice(
      "shrink", &shrink, otherwise: "`tree` if the corpus has one and there is no `basis`, else `flat`",
      "what scores are shrunk towards, the more the less is known of them: those of parents in the `tree` of the "
        + "domains, the mean of all (`flat`), or nothing (`none`)")
    guard let choice = shrink else { return }
    guard choice != .tree || caution != .none else {
      throw keys.failure("shrink", "`caution: none` takes scores as measured, so there is nothing to shrink")
    }
    guard choice != .none || ![.shrink, .hold].contains(caution) else {
      throw keys.failure("shrink", "`caution: \(caution.rawValue)` shrinks scores; with `none` take another `caution`")
    }
  }

  /// What scores are shrunk towards in a run.
  ///
  /// - Throws: `SettingFault` if the run has no tree to shrink them along.
  func shrinking(for run: RunFacts) throws -> Shrinking {
    guard let shrink else { return run.tree != nil && rule.caution != .none ? .tree : .flat }
    guard shrink != .tree || run.tree != nil else {
      throw SettingFault(
        "shrink", "the corpus has no tree of domains to shrink scores along; `dga cluster` makes one, `flat` needs none"
      )
    }
    return shrink
  }
}

extension UpdateRule.Step {
  /// Visits the two keys that say how far an update goes.
  mutating func visit(_ keys: any KeyVisitor) throws {
    var (eta, divergence): (Double?, Double?) = (nil, nil)
    switch self {
    case .eta(let value): eta = value
    case .divergence(let value): divergence = value
    }
    if keys.isGiven("eta") { divergence = nil }
    if keys.isGiven("kl") { eta = nil }
    try keys.number(
      "kl", &divergence, in: 0...1e3,
      "with `caution: evidence`, the Kullback-Leibler divergence from the prior, in nats, that one standard error of "
        + "agreement above the threshold is worth; else that of each update from the one before. It means the same for "
        + "any model")
    try keys.number(
      "eta", &eta, in: 0...1e9,
      "the paper's factor between alignments and changes of log weights; given instead of `kl`")
    if keys.isGiven("eta") && keys.isGiven("kl") {
      throw keys.failure("kl", "`eta` and `kl` are two ways to say how far an update goes; give one of them")
    }
    if let eta { self = .eta(eta) } else if let divergence { self = .divergence(divergence) }
  }
}
