import Configuration
import Corpus
import Mixing
import Transformer

/// Everything that a run is told, read from YAML and checked as far as the file alone allows.
public struct RunConfiguration {
  /// The directory that the run writes.
  public var run: String
  /// The corpus directory.
  public var corpus: String
  /// The name of the corpus's target.
  public var target: String
  /// The model's shape; its vocabulary is the corpus's.
  public var model: ModelSettings
  /// Sequences and their division.
  public var batch: BatchSettings
  /// How long to train.
  public var duration: Quantity
  /// AdamW and its schedule.
  public var optimizer: OptimizerSettings
  /// Which domains are read, and what moves that.
  public var mixture: MixtureSettings
  /// The most tokens that are used of each domain; nil for all.
  public var tokensPerDomain: Int?
  /// When to evaluate (nil: only at the end), and on how many sequences a domain at most.
  public var evaluation: (every: Quantity?, sequences: Int)
  /// When to write checkpoints (nil: only at the end), and how many to keep.
  public var checkpoint: (every: Quantity?, keep: Int)
  /// Decides initial weights and every draw.
  public var seed: UInt64
  /// BLAS threads a rank.
  public var threads: Int
  /// The order in which gradients are added.
  public var reduction: Reduction
  /// The orders in which gradients are added.
  public enum Reduction: String, CaseIterable, Sendable {
    /// One that does not depend on the number of ranks.
    case canonical
    /// The one that takes least memory.
    case fast
  }

  /// The whole configuration as YAML, defaults included.
  public let resolved: String

  /// Reads a configuration file, then `overrides` such as `optimizer.learning_rate=1e-3`.
  ///
  /// - Throws: `Failure` that names file, line and key.
  public init(contentsOf path: String, overrides: [String] = []) throws {
    let root = try Section(contentsOf: path, overrides: overrides)
    run = try root.string("run")
    corpus = try root.string("corpus")
    target = try root.string("target")
    model = try ModelSettings(root.section("model"))
    batch = try BatchSettings(root.section("batch"))
    duration = try root.quantity("duration", default: Quantity(1000, .steps), units: [.steps, .tokens, .epochs])
    optimizer = try OptimizerSettings(root.section("optimizer"))
    mixture = try MixtureSettings(root.section("mixture"))
    tokensPerDomain = try root.limit("tokens_per_domain")
    evaluation = try Self.interval(root.section("evaluation"), "sequences", default: 64)
    checkpoint = try Self.interval(root.section("checkpoint"), "keep", default: 2)
    seed = UInt64(try root.integer("seed", default: 1, in: 0...Int.max))
    threads = try root.integer("threads", default: 1, in: 1...1024)
    reduction = try root.choice("reduction", default: .canonical)
    try root.finish()
    resolved = root.resolved
  }

  private static func interval(_ section: Section, _ key: String, default value: Int) throws -> (Quantity?, Int) {
    let every = section.contains("every") ? try section.quantity("every", units: [.steps, .tokens]) : nil
    return (every, try section.integer(key, default: value, in: 1...Int.max))
  }
}

/// The model's shape as configured: a preset, or every size, or a preset with changes.
public struct ModelSettings {
  private let layers, heads, width, context: Int
  /// Whether activations are computed again in the backward pass instead of kept.
  public let recompute: Bool

  init(_ section: Section) throws {
    enum Family: String, CaseIterable { case gpt2 }
    _ = try section.choice("family", default: Family.gpt2)
    if section.isOverridden("preset") { section.setAside("layers", "heads", "width", "context") }
    // A preset fills in what is not given; without one every size must be.
    let preset: ModelConfiguration.Preset? =
      section.contains("preset") || !section.contains("layers")
      ? try section.choice("preset", default: ModelConfiguration.Preset.nano) : nil
    let base = preset?.configuration(vocabularySize: 1)
    layers = try section.integer("layers", default: base?.layers, in: 1...10_000)
    heads = try section.integer("heads", default: base?.heads, in: 1...10_000)
    width = try section.integer("width", default: base?.width, in: 1...1_000_000)
    context = try section.integer("context", default: base?.context, in: 1...10_000_000)
    recompute = try section.boolean("recompute", default: false)
    guard width % heads == 0 else {
      throw section.failure("heads", "\(heads) heads do not divide a width of \(width); choose a divisor of it")
    }
  }

  /// The shape for a vocabulary of `vocabularySize` tokens.
  public func configuration(vocabularySize: Int) -> ModelConfiguration {
    ModelConfiguration(layers: layers, heads: heads, width: width, context: context, vocabularySize: vocabularySize)
  }

  /// Tokens a sequence.
  public var length: Int { context }
}

/// AdamW and its learning-rate schedule as configured.
public struct OptimizerSettings {
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
  public let learningRate: Double
  /// Steps or tokens of linear warm-up.
  public let warmup: Quantity
  /// The shape after warm-up.
  public let schedule: Schedule
  /// The learning rate at the end, as a share of the highest.
  public let finalShare: Double
  /// The share of the run over which `wsd` decays.
  public let decayShare: Double
  /// Decoupled weight decay of matrices.
  public let weightDecay: Double
  /// The largest norm of a gradient; larger ones are scaled down. Nil: none is.
  public let clip: Double?
  /// Decay rates of the moments.
  public let betas: (Double, Double)
  /// The number added to the root of the second moment.
  public let epsilon: Double

  init(_ section: Section) throws {
    learningRate = try section.number("learning_rate", default: 1e-3, in: 0...1e3)
    warmup = try section.quantity("warmup", default: Quantity(100, .steps), units: [.steps, .tokens])
    schedule = try section.choice("schedule", default: .cosine)
    finalShare = try section.number("final_share", default: 0.1, in: 0...1)
    decayShare = try section.number("decay_share", default: 0.2, in: 0...1)
    weightDecay = try section.number("weight_decay", default: 0.1, in: 0...1e3)
    let limit = try section.number("clip", default: 1, in: 0...1e9)
    clip = limit == 0 ? nil : limit
    let betas = try section.numbers("betas", default: [0.9, 0.95])
    guard betas.count == 2, betas.allSatisfy({ (0..<1).contains($0) }) else {
      throw section.failure("betas", "two numbers from 0 up to but not including 1 are needed, such as [0.9, 0.95]")
    }
    self.betas = (betas[0], betas[1])
    epsilon = try section.number("epsilon", default: 1e-8, in: 0...1)
  }
}
