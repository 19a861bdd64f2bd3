import Configuration
import Mixing

/// How often and how DGA moves the weights.
public struct AlignmentSettings {
  /// The defaults that a configuration starts from.
  public enum Preset: String, CaseIterable, Sendable {
    /// What measured best.
    case standard
    /// The paper's rule and estimator.
    case paper
  }

  /// The time between updates, T_r.
  public let every: Quantity
  /// How alignments are estimated.
  public let estimator: MixtureSettings.Estimator
  /// What domains are compared with.
  public let direction: DirectionSettings
  /// What moves the weights.
  public let rule: GradientAlignment
  /// How much earlier measurements count at an update, in `0...1`.
  public let memory: Double
  /// How often a domain may be read at most; nil for no limit.
  public let repetitions: Int?
  /// Sequences of each domain in a probe.
  public let probeSequences: Int
  /// Sequences of each target, and of all domains together for retention, in a probe.
  public let targetSequences: Int
  /// Training steps before an update that `inline` looks at, if there are as many.
  private let probeSteps: Int

  init(_ section: Section) throws {
    // What the command line says takes the place of what the file says of the same, as of all defaults if it is a run's.
    if section.isOverridden("preset") {
      section.setAside("estimator", "eta", "kl", "caution", "floor")
      try section.section("smoothing").setAside("new_weight", "memory")
    }
    if section.isOverridden("eta") { section.setAside("kl") }
    if section.isOverridden("kl") { section.setAside("eta") }
    if section.isOverridden("estimator") { section.setAside("caution") }
    let isPaper = try section.choice("preset", default: Preset.standard) == .paper
    every = try section.quantity("every", default: Quantity(50, .steps), units: [.steps, .tokens])
    guard every.value > 0 else { throw section.failure("every", "an update needs at least a step before it") }
    estimator = try section.choice("estimator", default: isPaper ? .gradients : .inline)
    direction = try DirectionSettings(section.section("direction"))
    let smoothing = try section.section("smoothing")
    let newWeight = try smoothing.number("new_weight", default: isPaper ? 0.1 : 0.3, in: 0...1)
    guard newWeight > 0 else {
      throw smoothing.failure("new_weight", "0 would keep the weights for ever; 1 means no smoothing")
    }
    memory = try smoothing.number("memory", default: isPaper ? 0 : 0.8, in: 0...1)
    let caution = try section.choice(
      "caution", default: isPaper ? GradientAlignment.Caution.none : estimator.givesErrors ? .shrink : .none)
    guard caution == .none || estimator.givesErrors else {
      throw section.failure(
        "caution", "'\(caution.rawValue)' needs standard errors, which the estimator '\(estimator)' does not give")
    }
    guard !direction.cosine || estimator.givesNorms else {
      throw section.failure(
        "direction",
        "`cosine` needs the norms of the domains' gradients, which the estimator '\(estimator)' never forms; "
          + "take 'dots' or 'gradients', or leave it out: with `kl` steps do not depend on norms")
    }
    rule = GradientAlignment(
      step: try Self.step(section, isPaper: isPaper),
      newWeight: newWeight,
      recursion: try smoothing.choice("recursion", default: .raw),
      floor: try section.number("floor", default: isPaper ? 0 : 0.1, in: 0...1),
      caution: caution)
    repetitions = try section.limit("repetitions")
    let probe = try section.section("probe")
    probeSequences = try probe.integer("sequences", default: 4, in: 1...1_000_000)
    targetSequences = try probe.integer("target_sequences", default: 16, in: 1...1_000_000)
    probeSteps = try probe.integer("steps", default: 1, in: 1...1_000_000)
  }

  /// Training steps that `inline` looks at before an update, with so many between updates.
  func looks(every: Int?) -> Int { min(probeSteps, every ?? probeSteps) }

  /// Reads `eta` or `kl`.
  private static func step(_ section: Section, isPaper: Bool) throws -> GradientAlignment.Step {
    let (hasEta, hasDivergence) = (section.contains("eta"), section.contains("kl"))
    if hasEta && hasDivergence {
      throw section.failure("kl", "`eta` and `kl` are two ways to say how far an update goes; give one of them")
    }
    if hasEta || isPaper && !hasDivergence { return .eta(try section.number("eta", default: 0.3, in: 0...1e9)) }
    return .divergence(try section.number("kl", default: 0.1, in: 0...1e3))
  }
}

/// What domains are compared with.
public struct DirectionSettings {
  /// Whether the target's gradient is divided by what AdamW divides its updates by.
  public let preconditioned: Bool
  /// Whether alignments are divided by the norms of both gradients.
  public let cosine: Bool
  /// Whether logarithms of losses take the place of losses.
  public let logLoss: Bool
  /// Targets that steer, with their weights; empty for the run's target alone.
  public let targets: [(name: String, weight: Double)]
  /// The weight of the generic loss beside the targets'.
  public let retention: Double
  /// Whether alignments predict changes of the objective: without preconditioning nobody knows how far AdamW goes along the
  /// direction.
  var isPredictive: Bool { preconditioned && !cosine }

  init(_ section: Section) throws {
    preconditioned = try section.boolean("preconditioned", default: false)
    cosine = try section.boolean("cosine", default: false)
    logLoss = try section.boolean("log_loss", default: false)
    retention = try section.number("retention", default: 0, in: 0...1e9)
    let table = try section.section("targets")
    targets = try table.keys.map { ($0, try table.number($0, in: 0...1e9)) }
    if !targets.isEmpty, targets.allSatisfy({ $0.weight == 0 }) {
      throw section.failure("targets", "at least one weight must be more than zero")
    }
  }
}
