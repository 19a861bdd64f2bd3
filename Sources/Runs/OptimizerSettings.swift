import Settings

/// AdamW and its learning-rate schedule.
public struct OptimizerSettings: Configurable, Sendable {
  /// The shape of the schedule after warm-up.
  public enum Schedule: String, CaseIterable, Sendable {
    /// Half a cosine down to the final share.
    case cosine
    /// No change.
    case constant
    /// Warm-up, stable, then a linear decay to the final share (Hu et al., arXiv 2404.06395).
    case wsd
  }

  /// The highest learning rate.
  public var learningRate = 1e-3
  /// Steps or tokens of linear warm-up; nil for ``defaultWarmup(steps:)``.
  public var warmup: Quantity?
  /// The shape after warm-up.
  public var schedule = Schedule.cosine
  /// The learning rate at the end, as a share of the highest.
  public var finalShare = 0.1
  /// The share of the run over which `wsd` decays.
  public var decayShare = 0.2
  /// Decoupled weight decay of matrices.
  public var weightDecay = 0.1
  /// The largest norm of a gradient; larger ones are scaled down. 0: none is.
  public var clip = 1.0
  /// How many times the running mean a gradient's norm or a perplexity may be for a step to be used. 0: any.
  public var outlier = 100.0
  /// Decay rates of the first and second moment.
  public var betas = [0.9, 0.95]
  /// The number added to the root of the second moment.
  public var epsilon = 1e-8

  /// Makes the defaults.
  public init() {}

  /// The largest norm of a gradient; nil: no limit.
  public var clippingLimit: Double? { clip == 0 ? nil : clip }

  /// The warm-up of a run if nothing is said: 100 steps, but at most a tenth of the run.
  public static func defaultWarmup(steps: Int) -> Quantity { Quantity(Double(min(100, steps / 10)), .steps) }

  /// Visits the keys.
  public mutating func visit(_ keys: any KeyVisitor) throws {
    try keys.number("learning_rate", &learningRate, in: 0...1e3, "the highest learning rate of AdamW")
    try keys.amount(
      "warmup", &warmup, in: [.steps, .tokens],
      "the length of the linear warm-up of the learning rate; if nothing is said 100 steps, but at most a tenth of the "
        + "run")
    try keys.choice(
      "schedule", &schedule,
      "the shape of the learning rate after the warm-up: `cosine` falls along half a cosine, `constant` stays, `wsd` "
        + "stays and then falls linearly")
    try keys.visit(if: schedule != .constant, by: "schedule") { keys in
      try keys.number(
        "final_share", &finalShare, in: 0...1,
        "with `cosine` and `wsd`, the learning rate at the end, as a share of the highest")
    }
    try keys.visit(if: schedule == .wsd, by: "schedule") { keys in
      try keys.number(
        "decay_share", &decayShare, in: 0...1, "the last part of the run, over which `wsd` lowers the learning rate")
    }
    try keys.number(
      "weight_decay", &weightDecay, in: 0...1e3, "the decoupled weight decay of matrices; vectors have none")
    try keys.number("clip", &clip, in: 0...1e9, "the norm to which larger gradients are scaled down; 0 is no limit")
    try keys.number(
      "outlier", &outlier, in: 0...1e9,
      "how many times its running mean the gradient's norm, or the perplexity, may be; steps beyond are skipped, as "
        + "are those that are not finite, and after three in a row the run goes back to its last checkpoint. 0 is "
        + "no limit")
    guard outlier == 0 || outlier > 1 else { throw keys.failure("outlier", "a number above 1 is needed, or 0") }
    try keys.numbers("betas", &betas, "the decay rates of AdamW's first and second moment")
    guard betas.count == 2, betas.allSatisfy({ (0..<1).contains($0) }) else {
      throw keys.failure("betas", "two numbers from 0 up to but not including 1 are needed, such as [0.9, 0.95]")
    }
    try keys.number("epsilon", &epsilon, in: 0...1, "the number added to the root of AdamW's second moment")
  }
}
