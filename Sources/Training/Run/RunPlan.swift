import Corpus
import Failures
import Foundation
import Kernels
import Mixing
import Parallel
import Printing
import Runs
import Settings
import Steering
import Transformer

/// A run worked out before its first step: corpus, model, batch, schedule and memory, with everything checkable
/// checked.
public struct RunPlan: Sendable {
  let description: RunDescription
  package let corpus: Corpus
  let target: Target
  /// The targets that are domains of the run.
  let readTargets: [String]
  /// The targets that steer the mixture, and their weights.
  let steeringTargets: [SteeringTarget]
  package let model: ModelConfiguration
  package let batch: BatchPlan
  /// The number of optimizer steps.
  package let steps: Int
  /// Windows of every domain that may be drawn, token limits considered.
  package let windowCounts: [Int]
  let schedule: LearningRateSchedule
  let clock: StepClock
  /// Steps between evaluations, and between checkpoints if they are counted in steps.
  let evaluateEvery, checkpointEvery: Int?
  /// Seconds between checkpoints, if they are told by the clock.
  let checkpointSeconds: Double?
  /// Steps between two comparisons of every rank's memory.
  let memoryCheckEvery: Int
  /// Steps between updates of the mixture, and between records of what each domain gets.
  package let interval: Int
  /// Steps between records of whole columns of all domains; nil for none.
  let recordEvery: Int?
  /// The mixing method before the first step, the same on every rank.
  package let method: any MixingMethod
  /// All that the method ever wants, in this run or one that goes on after it.
  package let wishes: Measurements
  /// Whether the method ever moves the weights.
  package var isMoving: Bool { wishes.contains(.weights) }
  /// Which ranks have which shards of the training text; nil if every rank reads all by itself.
  var shardHolders: ShardHolders?
  /// The model whose losses the method compares with, if it does.
  let reference: SavedModel.Reference?
  /// The model whose parameters the run starts with, if they are not random.
  let initial: SavedModel.Reference?

  /// Opens the corpus of a description and works everything out for `ranks` ranks.
  ///
  /// - Parameter report: Is called with what a person should know.
  /// - Throws: `Failure` that names the key, file, domain or target that is wrong.
  public init(
    _ description: RunDescription, ranks: Int, report: (String) -> Void = SavedModel.warn
  ) throws {
    try self.init(description, corpus: Corpus(at: description.corpus), ranks: ranks, report: report)
  }

  /// Works everything out for a corpus that is open.
  ///
  /// - Throws: `Failure` that names the key, domain or target that is wrong.
  package init(
    _ description: RunDescription, corpus: Corpus, ranks: Int, report: (String) -> Void = SavedModel.warn
  ) throws {
    target = try corpus.target(named: description.target)
    steeringTargets = try Self.steeringTargets(description, corpus, target)
    let text = try RunText(description, corpus, steering: steeringTargets)
    let corpus = text.corpus
    (self.corpus, readTargets) = (corpus, text.targets)
    initial = try Self.initial(description, corpus, report: report)
    var description = description
    if let initial, !description.model.isChosen { description.model.take(initial.model) }
    model = description.model.configuration(vocabularySize: corpus.vocabularySize)
    try Self.check(initial, is: model)
    batch = try description.batch.divided(among: ranks, length: model.context)
    try Self.checkSize(model, micro: batch.micro)
    windowCounts = text.windowCounts(context: model.context)
    try Self.checkText(windowCounts, corpus, model.context)
    let clock = StepClock(
      sequences: batch.sequences, context: model.context, windows: text.windowsOfEpoch(windowCounts))
    self.clock = clock
    let total = try clock.steps(ofRun: description.duration)
    steps = total
    // What follows from the length of the run is resolved like every other default.
    let warmup = description.optimizer.warmup ?? OptimizerSettings.defaultWarmup(steps: total)
    let every = description.mixture.every ?? description.mixture.defaultInterval(steps: total)
    var resolved = description
    (resolved.optimizer.warmup, resolved.mixture.every) = (warmup, every)
    // Said in so many words, they are there for whoever takes another method.
    resolved.readTargets = text.targets
    self.description = resolved
    schedule = LearningRateSchedule(description.optimizer, warmupSteps: clock.steps(warmup), totalSteps: total)
    evaluateEvery = description.evaluation.every.map { max(1, clock.steps($0)) }
    checkpointSeconds = description.checkpoint.every.seconds
    checkpointEvery = checkpointSeconds == nil ? max(1, clock.steps(description.checkpoint.every)) : nil
    memoryCheckEvery = max(1, clock.steps(description.watchdog.memory))
    interval = max(1, clock.steps(every))
    let isNamed = corpus.domains.count <= NamedDomains.few
    recordEvery = description.mixture.record.map { max(1, clock.steps($0)) } ?? (isNamed ? nil : max(1, total / 10))

    var facts = RunFacts(
      domains: DomainNames(corpus.domains),
      tokens: text.tokens, steps: total, tokensPerStep: clock.tokensPerStep, interval: interval)
    facts.windows = windowCounts
    text.describe(to: &facts, steering: steeringTargets)
    method = try description.mixture.makeMethod(for: facts)
    wishes = method.everWants(upTo: max(total, interval) + 1)
    reference = try Self.reference(
      description, corpus, isWanted: wishes.contains(.referenceLosses), report: report)
    try checkRepetitions()
    _ = try sampler()
  }

  private static func steeringTargets(
    _ description: RunDescription, _ corpus: Corpus, _ target: Target
  ) throws -> [SteeringTarget] {
    let targets = description.mixture.steering.direction.targets
    guard !targets.isEmpty else { return [SteeringTarget(name: target.name, weight: 1, slice: target.steering)] }
    return try targets.map {
      let target = try corpus.target(named: $0.name, for: "mixture.direction.targets")
      return SteeringTarget(name: target.name, weight: $0.value, slice: target.steering)
    }.filter { $0.weight > 0 }
  }

  private static func reference(
    _ description: RunDescription, _ corpus: Corpus, isWanted: Bool, report: (String) -> Void
  ) throws -> SavedModel.Reference? {
    guard isWanted else { return nil }
    guard let run = description.mixture.reference else {
      throw description.mixture.failure(
        "reference",
        "the method '\(description.mixture.method)' compares losses with those of another run's model: name that run")
    }
    do {
      let reference = try SavedModel.Reference(run, report: report)
      try reference.check(corpus, context: description.model.configuration(vocabularySize: 1).context)
      return reference
    } catch let failure as Failure {
      throw description.mixture.failure("reference", failure.message, kind: failure.kind)
    }
  }

  /// Checks that the corpus has enough text for the whole run if no domain is read more often than allowed.
  private func checkRepetitions() throws {
    guard isMoving, let repetitions = description.mixture.repetitions else { return }
    let windows = windowCounts.reduce(0, +)
    guard Double(repetitions) * Double(windows) < Double(steps * batch.sequences) else { return }
    throw Failure(
      .badConfiguration,
      "The run draws \(steps * batch.sequences) sequences, but the domains have \(windows) together, and "
        + "mixture.repetitions allows each to be read \(repetitions) times: allow more, or give the run a shorter "
        + "duration."
    )
  }

  /// Checks that there is text to train on.
  private static func checkText(_ windows: [Int], _ corpus: Corpus, _ context: Int) throws {
    guard windows.allSatisfy({ $0 == 0 }) else { return }
    let names = windows.indices.prefix(5).map { corpus.domains.name($0) }.joined(separator: ", ")
    throw Failure(
      .badData,
      "No domain has enough text for a single window of context + 1 = \(context + 1) tokens: \(names)"
        + (windows.count > 5 ? " and \(windows.count - 5) more" : "")
        + ". Shorten the context or raise the token limit.")
  }

  /// The source of training windows, with the weights that the run starts with.
  ///
  /// - Throws: `Failure(.badData)` if a domain with weight has too little text for one window.
  func sampler() throws -> MixtureSampler {
    var sampler = MixtureSampler(windowCounts: windowCounts, seed: seed)
    try sampler.setWeights(startWeights.values) { corpus.domains.name($0) }
    return sampler
  }

  /// The weights that domains are drawn with at first, and throughout if the method weighs losses.
  var startWeights: Weights {
    sampleLimits(after: 0, read: windowCounts.map { _ in 0 }).map { method.start.capped(by: $0) } ?? method.start
  }

  /// The mixture that the run starts with; for the root rank.
  func mixture() -> Mixture {
    Mixture(method, limits: sampleLimits(after: 0, read: windowCounts.map { _ in 0 }))
  }

  /// The most that each domain may be drawn with from now on, so that none is read more often than
  /// `mixture.repetitions` allows; nil without a limit.
  ///
  /// - Parameter read: Windows drawn so far from each domain.
  func sampleLimits(after step: Int, read: [Int]) -> [Double]? {
    guard isMoving, method.weighting == .draws, let repetitions = description.mixture.repetitions, step < steps else {
      return nil
    }
    let budget = Double((steps - step) * batch.sequences)
    return zip(windowCounts, read).map { max(0, Double(repetitions) * Double($0) - Double($1)) / budget }
  }

  /// The number that decides every draw.
  var seed: UInt64 { UInt64(description.seed) }

  /// What steering needs to know.
  package var steering: SteeringPlan {
    var plan = SteeringPlan(
      settings: description.mixture.steering, method: method, wishes: wishes, targets: steeringTargets,
      domains: corpus.domains, source: trainingSource(for: .measuring), seed: seed,
      sharing: SteeringPlan.Sharing(
        windowCounts: windowCounts, micro: batch.micro, groups: groups, ranks: batch.ranks, length: model.context),
      layout: ParameterLayout(model))
    plan.reference = reference?.source
    return plan
  }

  /// What training windows are read from for some purpose.
  package func trainingSource(for purpose: WindowExchange.Purpose) -> WindowSource {
    guard let shardHolders else { return .mapped(TokenSlices(trainOf: corpus.domains)) }
    return .exchanged(WindowExchange(corpus.domains, shardHolders, length: model.context, for: purpose))
  }

  /// The batch of a step, with windows to be drawn.
  package var trainingBatch: Batch {
    Batch(
      windows: [Window](repeating: Window(), count: batch.sequences), from: trainingSource(for: .training),
      micro: batch.micro,
      groups: groups, ranks: batch.ranks, length: model.context)
  }

  /// One rank's replica of the model, with its optimizer.
  package func replica(rank: Int) -> Replica {
    let settings = description.optimizer
    let layout = ParameterLayout(model)
    return Replica(
      GPT2(
        model, sequences: batch.micro, length: model.context, directions: steering.directionCount,
        recomputing: description.model.recompute),
      Optimizer(
        layout: layout, shards: shards(rank: rank), betas: (settings.betas[0], settings.betas[1]),
        epsilon: settings.epsilon, weightDecay: settings.weightDecay))
  }

  /// Tokens a step, all ranks together.
  package var tokensPerStep: Int { batch.sequences * model.context }

  /// What has to agree between a checkpoint and the run that goes on from it, by configuration key.
  var identity: [String: String] {
    [
      "corpus": corpus.identity?.description ?? "unknown",
      "target": target.name,
      "model": "\(model.layers) layers, \(model.heads) heads, width \(model.width), context \(model.context)",
      "batch": "\(batch.sequences) sequences",
      "seed": "\(description.seed)",
      "mixture.method": description.mixture.method,
      "tokens_per_domain": description.tokensPerDomain.map(String.init) ?? "unlimited",
      "read_targets": readTargets.joined(separator: ", "),
    ]
  }
}
