/// The mixture of a run: the weights that domains are sampled with, and the rule that moves them.
public struct Mixture: Sendable {
  /// Everything of a mixture that changes during a run; with the rule, which is configured, it makes the mixture.
  public struct State: Sendable, Equatable, Codable {
    /// The weights before smoothing.
    public fileprivate(set) var raw: Weights
    /// The weights to sample with.
    public fileprivate(set) var sampled: Weights
    /// The mean of the sampled weights over the intervals between updates, the current one included.
    public fileprivate(set) var average: Weights
    /// The number of updates so far, refused ones included.
    public fileprivate(set) var updates = 0
    fileprivate var quietUpdates = 0
    fileprivate var lonelyUpdates = 0

    fileprivate init(_ weights: Weights) { (raw, sampled, average) = (weights, weights, weights) }
  }

  /// The state for a checkpoint.
  public private(set) var state: State
  /// The rule that moves the weights; none if they are constant.
  public let rule: GradientAlignment?

  /// Creates a mixture that never moves: uniform, natural or fixed weights.
  public init(constant weights: Weights) {
    state = State(weights)
    rule = nil
  }

  /// Creates a mixture that starts at uniform weights and follows a rule.
  ///
  /// - Precondition: `domains` is at least 1.
  public init(domains: Int, following rule: GradientAlignment) {
    state = State(.uniform(domains))
    self.rule = rule
  }

  /// The weights to sample with.
  public var sampledWeights: Weights { state.sampled }
  /// The weights before smoothing.
  public var rawWeights: Weights { state.raw }
  /// The mean of the sampled weights over the intervals between updates, the current one included.
  public var averageWeights: Weights { state.average }

  /// Goes on from a checkpoint.
  ///
  /// - Precondition: the state has as many domains as this mixture; compare `state.sampled.count` before.
  public mutating func restore(_ state: State) {
    for weights in [state.raw, state.sampled, state.average] {
      precondition(weights.count == self.state.sampled.count, "the state has another number of domains")
    }
    self.state = state
  }

  /// Starts below limits, (domains): the most that each domain may be sampled with before the first update.
  ///
  /// - Precondition: there is one limit a domain, and no update so far.
  public mutating func start(below limits: [Double]) {
    precondition(state.updates == 0)
    state.sampled = state.sampled.capped(by: limits)
    state.average = state.sampled
  }

  /// Moves the weights by one update of the rule with alignments alone, (domains): scores without errors or limits.
  ///
  /// - Precondition: there is one alignment a domain.
  public mutating func update(alignment: [Double]) -> MixingReport { update(Scores(values: alignment)) }

  /// Moves the weights by one update of the rule and reports where they are.
  ///
  /// Scores that are not finite are refused: the weights stay, and the report says which domain was the first. A
  /// probe that overflowed is no reason to end a run, and weights made of it could never recover.
  ///
  /// - Parameters:
  ///   - scores: What is known of every domain.
  ///   - limits: The most that each domain may be sampled with, (domains): the sampled weights are projected below. The raw ones are
  ///     not, and keep their history.
  /// - Precondition: there is one score and one limit a domain.
  public mutating func update(_ scores: Scores, limits: [Double]? = nil) -> MixingReport {
    precondition(scores.values.count == state.sampled.count, "there is one score a domain")
    let before = state.sampled
    let refused = scores.alignments.firstIndex { !$0.isFinite }
    var spread = 0.0
    if let rule, refused == nil {
      (state.raw, state.sampled, spread) = rule.moved(raw: state.raw, sampled: before, scores: scores)
      if let limits { state.sampled = state.sampled.capped(by: limits) }
    }
    state.updates += 1
    state.average = state.average.mixed(with: state.sampled, share: 1 / Double(state.updates + 1))

    var report = MixingReport(weights: state.sampled, moved: state.sampled.distance(from: before), spread: spread)
    if let refused { report.warnings.append(.notFinite(domain: refused)) }
    guard rule != nil, refused == nil, scores.values.count > 1 else { return report }

    // Each spell of quiet or lonely updates is reported once.
    state.quietUpdates = report.isQuiet ? state.quietUpdates + 1 : 0
    state.lonelyUpdates = report.isLonely ? state.lonelyUpdates + 1 : 0
    if state.quietUpdates == MixingReport.quietSpell {
      report.warnings.append(.nothingMoves(spread: report.spread))
    }
    if state.lonelyUpdates == MixingReport.lonelySpell {
      let (domain, weight) = state.sampled.values.enumerated().max { $0.element < $1.element }!
      report.warnings.append(.oneDomainLeft(domain: domain, weight: weight))
    }
    return report
  }
}
