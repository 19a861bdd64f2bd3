import Mixing
import Settings
import Transformer

/// How sequences are scored: along what, by which estimator, and how many of them.
public struct SteeringSettings: Configurable, Sendable, Equatable {
  /// The defaults that a configuration starts from.
  public enum Preset: String, CaseIterable, Sendable {
    /// What measured best.
    case standard
    /// The paper's estimator and step.
    case paper

    /// The estimator that a preset begins with.
    var estimator: Estimator { self == .paper ? .gradients : .inline }
  }

  /// How scores are estimated.
  public enum Estimator: String, CaseIterable, Sendable {
    /// One gradient per domain, summed over all ranks: the paper, literally.
    case gradients
    /// One gradient per sequence, compared where it is computed.
    case dots
    /// The derivative of every sequence of a probe along the direction; no gradient is formed.
    case ghost
    /// The same for the sequences that are trained on.
    case inline
    /// The same as `ghost` for gradients of the output layer alone, of which no backward pass through the blocks is
    /// needed (R&B, Ge et al., arXiv 2505.00358): the table's gradient is `sum_t (p_t - onehot(target_t)) h_t'` with
    /// h_t the final hidden states and p_t the softmax.
    case lastLayer = "last-layer"

    /// Whether sequences are scored one by one, so that standard errors are known.
    public var givesErrors: Bool { self != .gradients }
    /// Whether gradients of domains are formed, so that their norms are known.
    public var givesNorms: Bool { self == .gradients || self == .dots }
    /// How far down from the loss the gradients go that are compared, those of targets and of domains.
    package var depth: BackwardDepth { self == .lastLayer ? .outputLayer : .embeddings }
  }

  /// The defaults that the other keys change; setting another one sets its estimator, too.
  public var preset = Preset.standard {
    didSet { if preset != oldValue { estimator = preset.estimator } }
  }
  /// How scores are estimated.
  public var estimator = Estimator.inline
  /// Training steps before a move of the weights whose sequences `inline` scores, if there are as many.
  public var steps = 1
  /// Sequences of each domain in a probe.
  public var sequences = 4
  /// Sequences of each target, and of all domains together for their mean loss.
  public var targetSequences = 16
  /// What sequences are scored along.
  public var direction = DirectionSettings()

  /// Makes the defaults.
  public init() {}

  /// Makes the defaults of a preset.
  public init(preset: Preset) {
    self.preset = preset
    estimator = preset.estimator
  }

  /// How scores are estimated, as far as methods depend on it.
  public var estimation: Estimation {
    var estimation = Estimation(
      isPaper: preset == .paper, givesErrors: estimator.givesErrors, givesNorms: estimator.givesNorms)
    estimation.estimator = estimator.rawValue
    estimation.scoresTraining = estimator == .inline
    return estimation
  }

  /// Whether scores predict changes of the objective: without preconditioning nobody knows how far AdamW goes along the
  /// direction, and the output layer alone says nothing of what the others change.
  public var isPredictive: Bool {
    direction.preconditioned && !direction.cosine && !direction.adaptive && estimator.depth == .embeddings
  }

  /// Visits the keys.
  public mutating func visit(_ keys: any KeyVisitor) throws {
    // What the command line says takes the place of what the file says of the same, as of all defaults if it is a
    // run's.
    if keys.isOverridden("preset") { keys.setAside(["estimator"]) }
    try keys.choice(
      "preset", &preset,
      "the defaults that the other keys of `mixture` change. `paper` is the paper's estimator and rule: `gradients`, "
        + "`eta` 0.3, `smoothing.new_weight` 0.1, no memory, no caution, no floor")
    try keys.choice(
      "estimator", &estimator,
      "how scores are measured: `inline` scores the sequences that are trained on; the others read probes of every "
        + "domain. `ghost` scores their sequences without forming gradients, `dots` forms one gradient per sequence, "
        + "`gradients` one per domain; `last-layer` is `ghost` for the output layer alone, without a backward pass "
        + "through the blocks")
    try keys.section("probe") { probe in
      try probe.integer(
        "steps", &steps, in: 1...1_000_000,
        "the number of training steps before an update whose sequences `inline` scores")
      try probe.integer(
        "sequences", &sequences, in: 1...1_000_000, "sequences of each domain in a probe, for the other estimators")
      try probe.integer(
        "target_sequences", &targetSequences, in: 1...1_000_000,
        "sequences of each target, of which the direction is the gradient")
    }
    try keys.section("direction") { try direction.visit($0) }
    guard !direction.cosine || estimator.givesNorms else {
      throw keys.failure(
        "direction",
        "`cosine` needs the norms of the domains' gradients, which the estimator '\(estimator.rawValue)' never forms; "
          + "take 'dots' or 'gradients', or leave it out: with `kl` steps do not depend on norms")
    }
  }
}

/// What sequences are scored along.
public struct DirectionSettings: Configurable, Sendable, Equatable {
  /// Whether the target's gradient is divided by what AdamW divides its updates by.
  public var preconditioned = false
  /// Whether scores are divided by the norms of both gradients.
  public var cosine = false
  /// Whether logarithms of losses take the place of losses.
  public var logLoss = false
  /// Whether the weights of the steering targets move, too.
  public var adaptive = false
  /// Targets that steer, with their weights; empty for the run's target alone.
  public var targets: [Share] = []
  /// The weight of the generic loss beside the targets'.
  public var retention = 0.0

  /// Makes the defaults.
  public init() {}

  /// Visits the keys.
  public mutating func visit(_ keys: any KeyVisitor) throws {
    try keys.flag(
      "preconditioned", &preconditioned,
      "whether the target's gradient is divided by AdamW's divisor, the root of the second moment")
    try keys.flag(
      "cosine", &cosine, "whether scores are divided by the norms of both gradients; for `dots` and `gradients`")
    try keys.flag("log_loss", &logLoss, "whether the logarithm of the target's loss takes the place of the loss")
    try keys.flag(
      "adaptive", &adaptive,
      "whether the weights of several targets move, too, towards those that improve least (GRAPE)")
    try keys.shares(
      "targets", &targets, "the targets that steer, with their weights; without it the run's target alone")
    try keys.number(
      "retention", &retention, in: 0...1e9,
      "the weight of the generic loss (the mean over all domains) beside the targets'")
    if !targets.isEmpty, targets.allSatisfy({ $0.value == 0 }) {
      throw keys.failure("targets", "at least one weight must be more than zero")
    }
    guard !adaptive || !(preconditioned || cosine || retention > 0) else {
      throw keys.failure(
        "adaptive",
        "targets with weights that move are compared by raw gradients alone: leave out `preconditioned`, `cosine` "
          + "and `retention`")
    }
    if adaptive, targets.count(where: { $0.value > 0 }) < 2 {
      throw keys.failure("adaptive", "name at least two `targets`: the weight of a single one cannot move")
    }
  }
}
