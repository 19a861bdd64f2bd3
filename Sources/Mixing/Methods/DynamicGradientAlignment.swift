import Settings

/// Dynamic Gradient Alignment (Fan, Grangier, Ablin, arXiv 2410.02498): domains whose gradients point like the target's
/// gain weight.
///
/// Every `mixture.every` steps the scores of sequences that were measured since the last move are remembered by domain
/// (``ScoreMemory``), and ``UpdateRule`` moves the weights along what is known. Weights of several targets can move,
/// too: with ``TargetWeights``, a step by `eta`, `new_weight: 1`, `memory: 0`, `floor: 0` and no caution this is GRAPE.
package struct DynamicGradientAlignment: MixingMethod {
  package static let name = "dga"

  package struct State: Codable, Sendable, Equatable {
    /// The weights before smoothing.
    package var raw: Weights
    /// What is known of every domain's score.
    var memory: ScoreMemory
    /// What successive updates agree on; nil if the rule does not ask.
    package var evidence: Evidence?
    /// What domains that are near each other in the tree have in common; nil if scores are not guessed along one.
    package var moments: PairMoments?
    /// Scores of sequences since the last move as shares of the unit, and the domains they are of, in the order of
    /// measurement.
    var domains: [Int] = []
    var scores: [Double] = []
    /// The unit of those scores, and whether each is the mean of several sequences.
    var unit = 1.0
    var areMeans = false
    /// The share of the directions' squared error that comes back; nil for all of it.
    var recurrence: Double? = 0
    /// The weights of the targets and what was scored for each; nil if they do not move.
    package var targets: TargetWeights?
  }

  package var state: State
  package let start: Weights
  private let rule: UpdateRule
  private let memory: Double
  private let interval: Int
  private let targetRate: Double
  /// The share of the draws that goes to domains that are not known well.
  private var explore = 0.0
  /// What scores are drawn to.
  private var shrinking = Shrinking.flat
  /// The tree that scores are guessed along.
  private var tree: TreeShrinkage?

  package init(_ settings: Settings, for run: RunFacts) throws {
    var targets: Weights?
    if run.adaptiveTargets {
      targets = Weights(proportionalTo: run.targets.map(\.value))
      if targets == nil {
        throw SettingFault("direction.adaptive", "weights of targets can move only if there are targets with weight")
      }
    }
    self.init(
      settings.rule, memory: settings.memory, start: run.prior, interval: run.interval, targets: targets,
      targetRate: settings.targetRate)
    explore = settings.explore
    try shrink(as: settings.shrinking(for: run), along: run.tree)
    if explore > 0 && targets != nil {
      throw SettingFault("explore", "targets with weights that move are compared by what the mixture draws alone")
    }
  }

  /// Creates the method from its parts.
  ///
  /// - Parameters:
  ///   - memory: How much what is known already counts at a move, in `0...1`.
  ///   - interval: Steps between moves.
  ///   - targets: The weights that the steering targets start with, if they move.
  ///   - targetRate: The factor between a target's score and the change of its log weight.
  package init(
    _ rule: UpdateRule, memory: Double, start: Weights, interval: Int = 1, targets: Weights? = nil,
    targetRate: Double = 10
  ) {
    self.rule = rule
    self.memory = memory
    self.start = start
    self.interval = interval
    self.targetRate = targetRate
    state = State(raw: start, memory: ScoreMemory(domains: start.count))
    if rule.caution == .evidence { state.evidence = Evidence(domains: start.count) }
    state.targets = targets.map { TargetWeights(start: $0) }
  }

  /// Chooses what scores are drawn to.
  package mutating func shrink(as shrinking: Shrinking, along tree: DomainTree?) {
    self.shrinking = shrinking
    self.tree = shrinking == .tree ? tree.map { TreeShrinkage($0) } : nil
    state.moments = self.tree.map { PairMoments(levels: $0.tree.levels) }
  }

  package var directions: ScoreDirections { state.targets == nil ? .combined : .eachTarget }
  package var summary: String {
    rule.description
      + (tree.map { "; scores drawn to their parents' along a tree of \($0.tree.levels) levels" } ?? "")
      + (state.targets == nil ? "" : "; targets weighted by how slowly they improve, at a rate of \(targetRate)")
  }
  package var warnsOfWeights: Bool { true }
  package var comparesMoves: Bool { rule.caution == .evidence }

  package func wants(before step: Int) -> Measurements {
    step > 1 && (step - 1) % interval == 0 ? [.weights, .scores] : []
  }

  package mutating func observe(_ observations: Observations) {
    guard let scores = observations.scores.first else { return }
    state.domains += observations.domains
    state.areMeans = observations.rowsAreMeans
    let recurrences = observations.scores.map(\.recurrence)
    state.recurrence = recurrences.contains(nil) ? nil : recurrences.compactMap(\.self).max()
    if state.targets != nil {
      state.targets!.observe(observations)
    } else {
      state.scores += scores.values
      state.unit = scores.unit
    }
  }

  package mutating func move(after step: Int, from present: Weights) -> Move? {
    guard !state.domains.isEmpty else { return nil }
    if var targets = state.targets {
      (state.scores, state.unit) = targets.combine(state.domains, present: present, rate: targetRate)
      state.targets = targets
    }
    let scores = takeScores()
    var move = rule.move(raw: &state.raw, from: present, scores: scores, ages: state.memory.ages, prior: start)
    move.targetWeights = state.targets?.weights.values
    if explore > 0, let draws = scores.finding?.exploration(scores, support: start.support) {
      move.draws = move.weights.mixed(with: draws, share: explore)
    }
    return move
  }

  package func check(_ state: State) throws(StateFault) {
    let count = start.count
    try Mixing.check(["raw": state.raw.count], are: count)
    try state.memory.check(domains: count)
    try state.evidence?.check(domains: count)
    if let tree { try state.moments?.check(levels: tree.tree.levels) }
    try Mixing.check(
      "domains", state.domains.allSatisfy { (0..<count).contains($0) }, "has a domain that the corpus has not")
    try Mixing.check(
      "targets", (state.targets == nil) == (self.state.targets == nil),
      "is \(state.targets == nil ? "missing" : "there"), "
        + "but mixture.direction.adaptive is \(self.state.targets != nil)")
    if let targets = self.state.targets {
      try state.targets?.check(targets: targets.weights.count, rows: state.domains.count)
    } else {
      try Mixing.check(["scores": state.scores.count], are: state.domains.count)
    }
  }

  package mutating func forgetScores() {
    state.memory = ScoreMemory(domains: start.count)
    if state.evidence != nil { state.evidence = Evidence(domains: start.count) }
    state.moments = tree.map { PairMoments(levels: $0.tree.levels) }
    (state.domains, state.scores) = ([], [])
    state.targets?.forgetScores()
  }

  /// Remembers what has been measured and returns all scores.
  ///
  /// Measurements that are not finite are not remembered; the scores say which domains they were of.
  private mutating func takeScores() -> Scores {
    defer {
      state.domains.removeAll(keepingCapacity: true)
      state.scores.removeAll(keepingCapacity: true)
    }
    let measured = Array(zip(state.domains, state.scores))
    let broken = measured.filter { !$0.1.isFinite }
    guard broken.isEmpty, state.unit.isFinite, state.unit > 0 else {
      state.memory.observe([], memory: memory)
      state.evidence?.skip(memory: memory)
      var scores = state.memory.scores(unit: 1, memory: memory)
      for (domain, score) in broken { scores.values[domain] = score }
      if broken.isEmpty { scores.unit = .nan }
      return scores
    }
    let rows = measured.map { (domain: $0.0, score: $0.1) }
    // A run can go on with another rule than it had.
    state.evidence = comparesMoves ? state.evidence ?? Evidence(domains: start.count) : nil
    // A row that is a mean counts as one sequence.
    // Domains that may not be drawn are no evidence that the others differ.
    let (support, branches) = (start.support, branches)
    state.evidence?.compare(
      rows.filter { support[$0.domain] }, with: state.memory, memory: memory, recurrence: state.recurrence,
      along: branches)
    state.memory.observe(rows, memory: memory)
    if let tree {
      if state.moments == nil { state.moments = PairMoments(levels: tree.tree.levels) }
      state.moments!.add(state.memory, memory: memory, support: support, along: tree.tree)
    }
    return knownScores()
  }

  /// All scores, with guesses of true ones where these are not made of values and errors alone.
  private func knownScores() -> Scores {
    var scores =
      state.evidence?.scores(state.memory, memory: memory, unit: state.unit, along: branches)
      ?? state.memory.scores(unit: state.unit, memory: memory)
    if state.evidence == nil {
      if state.areMeans { scores = Scores(values: scores.values, unit: scores.unit) }
      if let tree { scores.guess(by: state.memory, memory: memory, along: tree, state.moments?.variances) }
    } else if shrinking == .none {
      scores.guessAsMeasured()
    }
    return scores
  }

  /// The tree with what its levels differ by.
  private var branches: Evidence.Branches? { tree.map { Evidence.Branches($0, state.moments?.variances) } }
}

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
    /// What scores are drawn to; nil for a tree if there is one, else the mean.
    package var shrink: Shrinking?
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
        "what decides how far weights go: `evidence`, that scores of successive updates agree beyond chance, along the "
          + "best guesses of true scores; or steps from where they are, with scores as measured (`none`), with scores "
          + "shrunk by their standard errors (`shrink`), or `hold` the weights while scores differ within them")
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
        "the share of the weights that stays at the prior, or with another `caution` than `evidence` is spread evenly over "
          + "all domains at every update")
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
    }
  }
}

extension DynamicGradientAlignment.Settings {
  private mutating func visitShrink(_ keys: any KeyVisitor, _ caution: UpdateRule.Caution) throws {
    var word = shrink?.rawValue
    try keys.text(
      "shrink", &word,
      "what scores are drawn to, the more the less is known of them: those of parents in the `tree` of the domains, the "
        + "mean of all (`flat`), or nothing (`none`); without it `tree` if the corpus has one")
    guard let word else { return }
    guard let choice = Shrinking(rawValue: word) else {
      throw keys.failure("shrink", "scores are drawn to the `tree`, to one mean (`flat`), or to nothing (`none`)")
    }
    guard choice != .tree || caution != .none else {
      throw keys.failure("shrink", "`caution: none` takes scores as measured, so there is nothing to shrink")
    }
    guard choice != .none || ![.shrink, .hold].contains(caution) else {
      throw keys.failure("shrink", "`caution: \(caution.rawValue)` shrinks scores; with `none` take another `caution`")
    }
    shrink = choice
  }

  /// What scores are drawn to in a run.
  ///
  /// - Throws: `SettingFault` if the run has no tree to draw them along.
  func shrinking(for run: RunFacts) throws -> Shrinking {
    guard let shrink else { return run.tree != nil && rule.caution != .none ? .tree : .flat }
    guard shrink != .tree || run.tree != nil else {
      throw SettingFault(
        "shrink", "the corpus has no tree of domains to shrink scores along; `dga cluster` makes one, `flat` needs none")
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
