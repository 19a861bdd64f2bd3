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
    /// What is known of every domain's score; of no domains before the first move, since only the root rank moves.
    var memory: ScoreMemory
    /// What successive updates agree on, likewise; nil if the rule does not ask.
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
  /// What the rows are worth that were observed last, if they are means of several sequences; such rows come all at
  /// once, right before the move.
  private var means: RowMeans?
  package let start: Weights
  private let rule: UpdateRule
  private let memory: Double
  private let interval: Int
  private let targetRate: Double
  /// The share of the draws that goes to domains that are not known well.
  private var explore = 0.0
  /// What scores are shrunk towards.
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
    state = State(raw: start, memory: ScoreMemory(domains: 0))
    if rule.caution == .evidence { state.evidence = Evidence(domains: 0) }
    state.targets = targets.map { TargetWeights(start: $0) }
  }

  /// Chooses what scores are shrunk towards.
  package mutating func shrink(as shrinking: Shrinking, along tree: DomainTree?) {
    self.shrinking = shrinking
    self.tree = shrinking == .tree ? tree.map { TreeShrinkage($0) } : nil
    state.moments = self.tree.map { PairMoments(levels: $0.tree.levels) }
  }

  package var directions: ScoreDirections { state.targets == nil ? .combined : .eachTarget }
  package var summary: String {
    rule.description
      + (tree.map { "; scores shrunk towards their parents' along a tree of \($0.tree.levels) levels" } ?? "")
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
    means = observations.means
    state.areMeans = !observations.rowSizes.isEmpty
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
    try state.memory.check(domains: state.memory.count == 0 ? 0 : count)
    let levels = tree?.tree.levels
    if let evidence = state.evidence { try evidence.check(domains: evidence.count == 0 ? 0 : count, levels: levels) }
    if let levels { try state.moments?.check(levels: levels) }
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

  /// Scores since the last move are forgotten.
  package mutating func carry(_ before: State, over change: DomainChange) {
    state.raw = change.carried(before.raw, otherwise: start)
    state.memory = before.memory.carried(over: change)
    state.evidence = before.evidence?.carried(over: change)
    // Of a tree with other levels nothing is known.
    if let moments = before.moments, moments.levels == tree?.tree.levels { state.moments = moments }
    if let targets = before.targets, targets.weights.count == state.targets?.weights.count {
      state.targets = targets
      state.targets!.forgetScores()
    }
  }

  package mutating func forgetScores() {
    state.memory = ScoreMemory(domains: 0)
    if state.evidence != nil { state.evidence = Evidence(domains: 0) }
    state.moments = tree.map { PairMoments(levels: $0.tree.levels) }
    (state.domains, state.scores, means) = ([], [], nil)
    state.targets?.forgetScores()
  }

  /// Remembers what has been measured and returns all scores.
  ///
  /// Measurements that are not finite are not remembered; the scores say which domains they were of.
  private mutating func takeScores() -> Scores {
    defer {
      state.domains.removeAll(keepingCapacity: true)
      state.scores.removeAll(keepingCapacity: true)
      means = nil
      // A unit that overflowed is no number for a checkpoint.
      if !state.unit.isFinite { state.unit = 1 }
    }
    if state.memory.count == 0 { state.memory = ScoreMemory(domains: start.count) }
    if state.evidence?.count == 0 { state.evidence = Evidence(domains: start.count) }
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
    // Domains that may not be drawn are no evidence that the others differ.
    let (support, branches) = (start.support, branches)
    let compared = rows.indices.filter { support[rows[$0].domain] }
    state.evidence?.compare(
      compared.map { rows[$0] }, means: means?.of(compared), with: state.memory, memory: memory,
      recurrence: state.recurrence, along: branches)
    state.memory.observe(rows, means: means, memory: memory)
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
