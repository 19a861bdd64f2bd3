import Settings

/// Weights by stages of the run, which change at given steps or move from one stage to the next.
///
/// With `step` stage i's weights are in use from its start s_i on; with `linear` they are
///
///     p(t) = p_i + (t - s_i) / (s_{i+1} - s_i) (p_{i+1} - p_i)   after t steps, s_i <= t < s_{i+1}
///
/// and the last stage's from its start on. Stages of weights are found in nanotron (`data_stages`), Levanter (`(start,
/// weights)`) and Megatron (phases); only here are starts shares of the run, too, and a domain's position goes on from
/// one stage to the next.
package struct Schedule: MixingMethod {
  package static let name = "schedule"
  package static let startsFromPrior = false

  /// How weights go from one stage to the next.
  package enum Interpolation: String, CaseIterable, Sendable {
    /// All at once, at the start of a stage.
    case step
    /// In proportion to the steps between two starts.
    case linear
  }

  package var state = NoState()
  package let start: Weights
  package let summary: String
  /// The steps that are done when each stage starts, and its weights, (stages).
  private let starts: [Int], weights: [Weights]
  private let interpolation: Interpolation

  package init(_ settings: Settings, for run: RunFacts) throws {
    guard !settings.stages.isEmpty else { throw SettingFault("stages", "a schedule has at least one stage") }
    let starts = try settings.stages.map { try $0.start(in: run) }
    guard starts[0] == 0 else {
      throw SettingFault("stages", "the first stage is to start from 0, not \(starts[0])steps")
    }
    for next in starts.indices.dropFirst() where starts[next] <= starts[next - 1] {
      let (early, late) = (starts[next - 1], starts[next])
      throw SettingFault(
        "stages", "stage \(next + 1) is to start after stage \(next), not from \(late)steps after \(early)steps")
    }
    self.starts = starts
    weights = try settings.stages.enumerated().map { try $1.weights(for: run, number: $0 + 1) }
    interpolation = settings.interpolation
    start = weights[0]
    let places = starts.map { $0 < run.steps ? "\($0)steps" : "\($0)steps (after the run's end)" }
    summary =
      "stages from \(places.joined(separator: ", "))" + (interpolation == .linear ? ", with weights in between" : "")
  }

  package var support: [Bool] {
    start.values.indices.map { domain in weights.contains { $0.values[domain] > 0 } }
  }

  package func wants(before step: Int) -> Measurements {
    let done = step - 1
    guard done > 0, done <= starts[starts.count - 1] else { return [] }
    return interpolation == .linear || starts.contains(done) ? [.weights] : []
  }

  package func weights(from before: Weights, over change: DomainChange, after step: Int) -> Weights {
    weights(after: step)
  }

  package mutating func move(after step: Int, from present: Weights) -> Move? {
    Move(weights: weights(after: step))
  }

  private func weights(after step: Int) -> Weights {
    // The first stage starts from 0.
    let stage = starts.lastIndex { $0 <= step } ?? 0
    guard interpolation == .linear, stage + 1 < starts.count else { return weights[stage] }
    let share = Double(step - starts[stage]) / Double(starts[stage + 1] - starts[stage])
    return weights[stage].mixed(with: weights[stage + 1], share: share)
  }
}

extension Schedule {
  /// The keys of a schedule.
  package struct Settings: MethodSettings, Equatable {
    /// The stages in order.
    package var stages: [Stage] = []
    /// How weights go from one stage to the next.
    package var interpolation = Interpolation.step

    package init() {}

    package mutating func visit(_ keys: any KeyVisitor) throws {
      try keys.list("stages", &stages, "the stages of the run in order, each with its start and its weights")
      try keys.choice(
        "interpolation", &interpolation,
        "how weights go from one stage to the next: at once at its start (`step`), or in proportion to steps (`linear`)"
      )
    }
  }

  /// The keys of a stage.
  package struct Stage: Configurable, Sendable, Equatable {
    /// Where the stage starts: a share of the run, or an amount of steps or tokens.
    package var from = "0"
    /// Shares of any scale; domains without one are not read.
    package var weights: [Share] = []
    /// A `mixture.json`, or the directory of a run with one.
    package var file: String?
    /// The name of a rule for the weights.
    package var method: String?

    package init() {}

    /// Creates a stage.
    package init(from: String, weights: [Share] = [], file: String? = nil, method: String? = nil) {
      (self.from, self.weights, self.file, self.method) = (from, weights, file, method)
    }

    package mutating func visit(_ keys: any KeyVisitor) throws {
      try keys.text(
        "from", &from,
        "where the stage starts: steps, tokens, or a share of the run such as 0.5; the first starts from 0")
      if Start(from) == nil {
        throw keys.failure(
          "from", "'\(from)' is no amount such as 1000steps or 2e9tokens, and no share of the run in 0...1")
      }
      try keys.shares("weights", &weights, "the domains' weights, of any scale; a domain that is not named is not read")
      try keys.path("file", &file, "instead of `weights`, a `mixture.json` or a run that wrote one")
      try keys.text("method", &method, "instead of `weights`, `uniform` or `natural`")
      if let method, Self.rules[method] == nil {
        throw keys.failure("method", "a stage's method is `uniform` or `natural`, not '\(method)'")
      }
    }

    private static let rules: [String: @Sendable (RunFacts) throws -> Weights] = [
      "uniform": { try $0.uniformWeights() }, "natural": { try $0.naturalWeights() },
    ]

    /// The steps that are done when the stage starts.
    func start(in run: RunFacts) throws -> Int {
      switch Start(from) {
      case .share(let share): Int((share * Double(run.steps)).rounded())
      case .amount(let amount) where amount.unit == .steps: amount.count
      case .amount(let amount): (amount.count + run.tokensPerStep - 1) / max(run.tokensPerStep, 1)
      case nil: throw SettingFault("stages", "'\(from)' is no start of a stage")
      }
    }

    /// The stage's weights; stages are counted from 1.
    func weights(for run: RunFacts, number: Int) throws -> Weights {
      guard [!weights.isEmpty, file != nil, method != nil].filter(\.self).count == 1 else {
        throw SettingFault("stages", "stage \(number) is to have one of `weights`, `file` and `method`")
      }
      if let file { return try run.mixture(file, "stages") }
      guard let method else { return try run.weights(of: weights, key: "stages") }
      guard let rule = Self.rules[method] else {
        throw SettingFault("stages", "a stage cannot have the method '\(method)'")
      }
      return try rule(run)
    }
  }

  /// Where a stage starts.
  private enum Start {
    case share(Double), amount(Quantity)

    init?(_ text: String) {
      if let share = Number.double(text) {
        guard (0...1).contains(share) else { return nil }
        self = .share(share)
      } else if let amount = Quantity(text), amount.unit == .steps || amount.unit == .tokens {
        self = .amount(amount)
      } else {
        return nil
      }
    }
  }
}
