import Configuration
import Corpus
import Foundation
import Kernels
import MPI
import Mixing
import Transformer

/// Measurements of every domain's alignment at a run's checkpoint, outside of training, as often as wanted.
///
/// Each repetition reads other windows of target and domains, where there are any. `inline` looks at text that the run would read
/// next by its mixture, as many sequences as for an update, with the parameters standing still.
public struct AlignmentSurvey: Encodable {
  /// One domain over all repetitions.
  public struct Domain: Encodable {
    /// The name in the recipe.
    public let name: String
    /// The weight that the checkpoint samples it with.
    public let weight: Double
    /// The mean alignment beside the target's own, which is 1; nil if the domain was not seen.
    public let score: Double?
    /// The standard error of the mean, over sequences or, with several repetitions, over these; variances are drawn towards that
    /// of all domains.
    public let standard_error: Double?
    /// The alignment in each repetition; nil where the domain was not seen.
    public let alignments: [Double?]
  }

  /// The estimator.
  public let estimator: String
  /// Steps that the checkpoint has behind it.
  public let step: Int
  /// Sequences read of the targets, and of the domains, in a repetition; and those of a training step.
  public let target_sequences, sequences, batch_sequences: Int
  /// Seconds of a repetition, direction included.
  public let seconds: Double
  /// All domains, in the order of the corpus.
  public let domains: [Domain]

  /// Measures. Collective: every rank calls.
  ///
  /// - Parameters:
  ///   - run: The run directory, whose configuration and latest checkpoint are read.
  ///   - overrides: Changes to the configuration, such as `mixture.estimator=ghost` or another `seed`.
  /// - Throws: `Failure`, agreed; `MPIError`.
  public init(of run: String, overrides: [String], repetitions: Int, over world: borrowing Communicator) throws {
    precondition(repetitions >= 1)
    let plan = try world.agree {
      guard FileManager.default.fileExists(atPath: run + "/config.yaml") else {
        throw Failure(.missingInput, "\(run) is no run directory: it has no config.yaml.")
      }
      // No weights are moved here, so estimators without errors will do as well.
      let plan = try RunPlan(
        RunConfiguration(contentsOf: run + "/config.yaml", overrides: ["mixture.caution=none"] + overrides),
        ranks: world.size)
      let estimator = plan.configuration.mixture.alignment.estimator
      if let short = plan.windowCounts.firstIndex(of: 0), estimator != .inline {
        throw Failure(
          .badData,
          "Domain \(plan.corpus.domains[short].name) has too little text for one sequence, so \(estimator) cannot probe it."
        )
      }
      return plan
    }
    BLAS.start(threads: plan.configuration.threads)
    var saved = try world.agree { try Saved(plan, run: run, rank: world.rank) }
    let settings = plan.configuration.mixture.alignment
    var direction = try world.agree { try TargetDirection(plan) }
    var probe = ProbeScores(plan)
    var probes = DomainSampler(windowCounts: plan.windowCounts, seed: plan.configuration.seed, stream: .probing)
    let names = plan.corpus.domains.map(\.name)
    var batches = try world.agree {
      var batches = try plan.sampler()
      try batches.restore(cursors: saved.cursors)
      try batches.setWeights(saved.weights) { names[$0] }
      return batches
    }
    var gradients = Gradients<Local>(layout: saved.model.layout, levels: plan.tree.levels)
    var reduction = GradientReduction(plan.shards(rank: world.rank))

    let isInline = settings.estimator == .inline
    let perDomain = isInline ? 1 : settings.probeSequences
    let count = isInline ? plan.batch.sequences * settings.looks(every: plan.mixEvery) : names.count * perDomain
    var relative: [[Double?]] = Array(repeating: [], count: names.count)
    var alignments = relative
    var errors: [Double?] = []
    // Every repetition is one measurement of each domain, direction and all.
    var means = ScoreMemory(domains: names.count)
    let start = ContinuousClock.now
    for repetition in 0..<repetitions {
      gradients = try direction.measure(
        draw: repetition, &saved.model, parameters: saved.parameters, optimizer: saved.optimizer, with: gradients,
        &reduction, over: world)
      let windows =
        isInline
        ? batches.draw(step: saved.step + 1 + repetition, count: count)
        : names.indices.flatMap { probes.draw(domain: $0, count: perDomain) }
      var scores: [Double] = []
      var norms: [Double] = []
      gradients = try probe.measure(
        isInline ? .ghost : settings.estimator, windows, perDomain: perDomain, along: direction.row, into: &scores,
        norms: &norms, &saved.model, parameters: saved.parameters, with: gradients, &reduction, over: world)
      var memory = ScoreMemory(domains: names.count)
      memory.observe(
        windows.indices.map { place in
          let domain = Int(windows[place].domain)
          return (domain, scores[place] / direction.whole(norm: isInline ? 0 : norms[place / perDomain]))
        }, memory: 0)
      let found = memory.scores(unit: settings.direction.cosine ? 1 : direction.unit, memory: 0)
      let seen = names.indices.filter { memory.ages[$0] == 0 }
      means.observe(seen.map { ($0, found.values[$0]) }, memory: 1)
      for domain in names.indices {
        let isSeen = memory.ages[domain] == 0
        relative[domain].append(isSeen ? found.values[domain] : nil)
        alignments[domain].append(isSeen ? found.alignments[domain] : nil)
      }
      errors = found.errors!.map { $0.isFinite && settings.estimator.givesErrors ? $0 : nil }
    }
    estimator = settings.estimator.rawValue
    step = saved.step
    target_sequences = direction.tokens / plan.model.context
    sequences = count
    batch_sequences = plan.batch.sequences
    seconds = start.duration(to: .now) / .seconds(1) / Double(repetitions)
    let repeated = means.scores(unit: 1, memory: 1).errors!
    domains = names.indices.map { domain in
      let seen = relative[domain].compactMap(\.self)
      let mean = seen.isEmpty ? nil : seen.reduce(0, +) / Double(seen.count)
      return Domain(
        name: names[domain], weight: saved.weights[domain], score: mean,
        standard_error: seen.isEmpty ? nil : repetitions > 1 ? repeated[domain] : errors[domain],
        alignments: alignments[domain])
    }
  }

  /// What is needed of a checkpoint.
  private struct Saved: ~Copyable {
    var model: GPT2
    let parameters: Arena
    let optimizer: Optimizer
    let weights: [Double]
    let cursors: [Int]
    let step: Int

    init(_ plan: RunPlan, run: String, rank: Int) throws {
      let path = try SavedModel.locate(run)
      try CheckpointStore.verify(path)
      let state = try RunState.read(from: path)
      let layout = ParameterLayout(plan.model)
      guard try state.modelConfiguration(of: path) == plan.model,
        state.mixture.sampled.count == plan.corpus.domains.count
      else {
        throw Failure(.badData, "\(path) is a checkpoint of another model or corpus than \(run)/config.yaml describes.")
      }
      var parameters = Arena(count: layout.arenaCount)
      let settings = plan.configuration.optimizer
      var optimizer = Optimizer(
        layout: layout, shards: plan.shards(rank: rank), betas: settings.betas, epsilon: settings.epsilon,
        weightDecay: settings.weightDecay)
      try TensorFiles.read(&parameters, &optimizer, layout: layout, from: path)
      optimizer.updates = state.updates
      model = GPT2(
        plan.model, sequences: plan.batch.micro, length: plan.model.context,
        recomputing: plan.configuration.model.recompute)
      self.parameters = parameters
      self.optimizer = optimizer
      weights = state.mixture.sampled.values
      cursors = state.cursors
      step = state.step
    }
  }
}
