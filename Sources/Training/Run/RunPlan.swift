import Configuration
import Corpus
import Foundation
import Kernels
import Mixing
import Transformer

/// A run worked out before its first step: corpus, model, batch, schedule and memory, with everything checkable checked.
public struct RunPlan {
  let configuration: RunConfiguration
  package let corpus: Corpus
  let target: Target
  /// The targets that steer the mixture, and their weights.
  let steeringTargets: [(target: Target, weight: Double)]
  package let model: ModelConfiguration
  package let batch: BatchPlan
  /// The number of optimizer steps.
  let steps: Int
  /// Windows of every domain that may be drawn, token limits considered.
  let windowCounts: [Int]
  let schedule: LearningRateSchedule
  let evaluateEvery, checkpointEvery: Int?
  /// Steps between updates of the mixture; nil for a mixture that stands still.
  let mixEvery: Int?

  /// Opens the corpus and works everything out for `ranks` ranks.
  ///
  /// - Throws: `Failure` that names the key, file, domain or target that is wrong.
  public init(_ configuration: RunConfiguration, ranks: Int) throws {
    self.configuration = configuration
    let corpus = try Corpus(at: configuration.corpus)
    self.corpus = corpus
    target = try corpus.target(named: configuration.target)
    let targets = configuration.mixture.alignment.direction.targets
    steeringTargets =
      targets.isEmpty
      ? [(target, 1)]
      : try targets.map { (try corpus.target(named: $0.name, for: "mixture.direction.targets"), $0.weight) }.filter {
        $0.1 > 0
      }
    model = configuration.model.configuration(vocabularySize: corpus.vocabularySize)
    let length = model.context
    let batch = try configuration.batch.divided(among: ranks, length: length)
    self.batch = batch
    let batchTokens = batch.sequences * length
    let limit = configuration.tokensPerDomain
    windowCounts = corpus.domains.map { windowCount(tokens: $0.train.tokenCount, context: length, limit: limit) }

    func steps(_ quantity: Quantity) -> Int {
      switch quantity.unit {
      case .tokens: return Int((quantity.value / Double(batchTokens)).rounded(.up))
      case .epochs:
        let tokens = corpus.domains.reduce(0) { $0 + min($1.train.tokenCount, limit ?? .max) }
        return Int((quantity.value * Double(tokens) / Double(batchTokens)).rounded(.up))
      default: return quantity.count
      }
    }
    let total = max(1, steps(configuration.duration))
    self.steps = total
    let optimizer = configuration.optimizer
    schedule = LearningRateSchedule(
      peak: optimizer.learningRate, shape: optimizer.schedule, warmupSteps: min(steps(optimizer.warmup), total),
      totalSteps: total, finalShare: optimizer.finalShare, decayShare: optimizer.decayShare)
    evaluateEvery = configuration.evaluation.every.map { max(1, steps($0)) }
    checkpointEvery = configuration.checkpoint.every.map { max(1, steps($0)) }
    mixEvery = configuration.mixture.isConstant ? nil : max(1, steps(configuration.mixture.alignment.every))
    try checkRepetitions()
    _ = try sampler()
  }

  /// Checks that the corpus has enough text for the whole run if no domain is read more often than allowed.
  private func checkRepetitions() throws {
    guard mixEvery != nil, let repetitions = configuration.mixture.alignment.repetitions else { return }
    let windows = windowCounts.reduce(0, +)
    guard Double(repetitions) * Double(windows) < Double(steps * batch.sequences) else { return }
    throw Failure(
      .badConfiguration,
      "The run draws \(steps * batch.sequences) sequences, but the domains have \(windows) together, and "
        + "mixture.repetitions allows each to be read \(repetitions) times: allow more, or give the run a shorter duration."
    )
  }

  /// The source of training windows, with the weights that the run starts with.
  ///
  /// - Throws: `Failure(.badData)` if a domain with weight has too little text for one window.
  func sampler() throws -> MixtureSampler {
    var sampler = MixtureSampler(windowCounts: windowCounts, seed: configuration.seed)
    try sampler.setWeights(mixture().sampledWeights.values) { corpus.domains[$0].name }
    return sampler
  }

  /// The mixture that the run starts with.
  func mixture() throws -> Mixture {
    var mixture = try configuration.mixture.mixture(
      domains: corpus.domains.map(\.name), tokens: corpus.domains.map(\.train.tokenCount))
    if let limits = sampleLimits(after: 0, read: windowCounts.map { _ in 0 }) { mixture.start(below: limits) }
    return mixture
  }

  /// The most that each domain may be sampled with from now on, so that none is read more often than `mixture.repetitions` allows;
  /// nil without a limit.
  ///
  /// - Parameter read: Windows drawn so far from each domain.
  func sampleLimits(after step: Int, read: [Int]) -> [Double]? {
    guard mixEvery != nil, let repetitions = configuration.mixture.alignment.repetitions, step < steps else {
      return nil
    }
    let budget = Double((steps - step) * batch.sequences)
    return zip(windowCounts, read).map { max(0, Double(repetitions) * Double($0) - Double($1)) / budget }
  }

  /// Tokens a step, all ranks together.
  var tokensPerStep: Int { batch.sequences * model.context }

  /// The groups of micro-batches, all ranks together, that gives the same sums on other numbers of ranks; nil if nobody wants
  /// that, or this number of ranks is none of 1, 2, 4 and 8.
  private var canonicalGroups: Int? {
    guard configuration.reduction == .canonical else { return nil }
    return SummationTree.canonicalGroups(microBatches: batch.accumulation * batch.ranks, ranks: batch.ranks)
  }

  /// Whether gradients are to be added in the canonical order, and cannot be.
  var lacksCanonicalOrder: Bool { configuration.reduction == .canonical && canonicalGroups == nil }

  /// The groups that micro-batches are added in, all ranks together.
  var groups: Int { canonicalGroups ?? batch.ranks }

  /// The order in which the gradients of a step are added.
  package var tree: SummationTree {
    SummationTree(microBatches: batch.accumulation * batch.ranks, groups: groups, ranks: batch.ranks)
  }

  /// What a rank owns of the parameters.
  package func shards(rank: Int) -> Shards { Shards(ParameterLayout(model), ranks: batch.ranks, rank: rank) }

  /// What has to agree between a checkpoint and the run that goes on from it, by configuration key.
  var identity: [String: String] {
    [
      "corpus": corpus.manifest.checksum?.description ?? "unknown",
      "target": target.name,
      "model": "\(model.layers) layers, \(model.heads) heads, width \(model.width), context \(model.context)",
      "batch": "\(batch.sequences) sequences",
      "seed": "\(configuration.seed)",
      "mixture.method": configuration.mixture.method.rawValue,
      "tokens_per_domain": configuration.tokensPerDomain.map(String.init) ?? "unlimited",
    ]
  }

  // MARK: For people

  /// What a rank allocates, in bytes; rank 0 owns the most.
  var memory: [(what: String, bytes: Int)] {
    let arena = ParameterLayout(model).arenaCount * MemoryLayout<Float>.stride
    let shards = shards(rank: 0)
    var parts = [
      ("parameters", arena), ("gradients", tree.levels * arena),
      ("optimizer", 2 * shards.ownCount * MemoryLayout<Float>.stride),
      ("reduction", GradientReduction.bytes(shards)),
      (
        "activations",
        GPT2.activationBytes(
          model, sequences: batch.micro, length: model.context, recomputing: configuration.model.recompute)
      ),
    ]
    if mixEvery != nil { parts.append(("alignment", arena)) }
    return parts
  }

  /// The plan as `--dry-run` prints it: configuration, mixture with token counts, and memory.
  public func describe() throws -> String {
    var text = configuration.resolved
    if !text.hasSuffix("\n") { text += "\n" }
    let parameters = ParameterLayout(model).elementCount
    text +=
      "\n# \(steps) steps of \(batch.sequences) sequences of \(model.context) tokens: \(steps * tokensPerStep) tokens\n"
    text += "# \(batch.ranks) ranks, \(batch.accumulation) micro-batches of \(batch.micro) sequences each\n"
    text += "# \(parameters) parameters; memory a rank:"
    text += memory.map { String(format: " %@ %.1f MB", $0.what, Double($0.bytes) / 1e6) }.joined(separator: ",")
    text += String(format: "; together %.1f MB\n", Double(memory.reduce(0) { $0 + $1.bytes }) / 1e6)
    text += "# domain: weight at the start, training tokens that may be read, times each is read if the weight stays\n"
    let weights = try mixture().sampledWeights.values
    for (index, domain) in corpus.domains.enumerated() {
      let tokens = windowCounts[index] * model.context
      let epochs = tokens == 0 ? 0 : weights[index] * Double(steps * tokensPerStep) / Double(tokens)
      text += String(format: "#   %@: %.4f, %ld, %.2f\n", domain.name, weights[index], tokens, epochs)
    }
    return text
  }
}
