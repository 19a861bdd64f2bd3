import Checkpoints
import Corpus
import Failures
import Foundation
import Kernels
import MPI
import Mixing
import Parallel
import Runs
import Signals
import Steering
import Transformer

/// Measurements of every domain's alignment at a run's checkpoint, outside of training, as often as wanted.
///
/// Each repetition reads other windows of target and domains, where there are any. `inline` looks at text that the run
/// would read next by its mixture, as many sequences as for an update, with the parameters standing still.
public struct AlignmentSurvey: Encodable {
  /// One domain over all repetitions.
  public struct Domain: Encodable {
    /// The name in the recipe.
    public let name: String
    /// The weight that the checkpoint samples it with.
    public let weight: Double
    /// The mean alignment beside the target's own, which is 1; nil if the domain was not seen.
    public let score: Double?
    /// Its standard error; with several repetitions the noise of the target's windows is in it.
    public let standard_error: Double?
    /// Whether a sequence of the domain is worth more, or less, than one of the average domain, at 95 %; nil if that
    /// cannot be told, or was measured only once.
    public let worth: Worth?
    /// The alignment in each repetition; nil where the domain was not seen.
    public let alignments: [Double?]
  }

  /// How a domain's score compares with the mean of all domains.
  public enum Worth: String, Encodable {
    case more, less
  }

  /// The estimator.
  public let estimator: String
  /// Steps that the checkpoint has behind it.
  public let step: Int
  /// Sequences read of the targets, and of the domains, in a repetition; and those of a training step.
  public let target_sequences, sequences, batch_sequences: Int
  /// Seconds of a repetition, direction included.
  public let seconds: Double
  /// The share of the variance of scores that is signal, and the standard errors by which repetitions agree; nil with a
  /// single one.
  public let reliability, agreement: Double?
  /// What the repetitions have found, in words.
  public let finding: String
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
    let ranks = world.size
    var plan = try world.agree { try Self.plan(run, overrides, ranks: ranks) }
    try plan.locateText(over: world)
    Threads.start(plan.description.threads)
    try plan.checkMemory(over: world)
    let rank = world.rank
    var bench = try world.agree { try Bench(plan, run: run, rank: rank) }
    var gradients = Gradients<Local>(layout: bench.replica.model.layout, levels: plan.tree.levels)
    var tally = AlignmentTally(domains: plan.corpus.domains.count)
    let start = ContinuousClock.now
    for repetition in 0..<repetitions {
      gradients = try bench.measure(repetition, into: &tally, with: gradients, over: world)
    }
    seconds = start.duration(to: .now) / .seconds(1) / Double(repetitions)
    estimator = plan.description.mixture.steering.estimator.rawValue
    step = bench.step
    target_sequences = bench.direction.tokens / plan.model.context
    sequences = bench.count
    batch_sequences = plan.batch.sequences
    let names = plan.corpus.domains.map(\.name)
    let weights = bench.weights
    domains = tally.domains(names, weights: weights)
    let finding = tally.finding
    (reliability, agreement) = (finding?.reliability, finding?.significance)
    self.finding =
      finding?.sentence(comparing: "repetitions", remedy: "raise --repeat, mixture.probe.sequences or batch.sequences")
      ?? "One measurement does not say how much of this is the target's noise: --repeat 2 or more does."
  }

  private static func plan(_ run: String, _ overrides: [String], ranks: Int) throws -> RunPlan {
    guard FileManager.default.fileExists(atPath: run + "/config.yaml") else {
      throw Failure(.missingInput, "\(run) is no run directory: it has no config.yaml.")
    }
    // No weights are moved here, so any method will do. This one has target windows of its own in each repetition.
    let plan = try RunPlan(
      RunDescription(
        contentsOf: run + "/config.yaml",
        overrides: [
          "mixture.method=dga", "mixture.caution=evidence", "mixture.smoothing.recursion=raw", "mixture.explore=0",
          "mixture.direction.adaptive=false",
        ] + overrides),
      ranks: ranks)
    let estimator = plan.description.mixture.steering.estimator
    if let short = plan.windowCounts.firstIndex(of: 0), estimator != .inline {
      throw Failure(
        .badData,
        "Domain \(plan.corpus.domains.name(short)) has too little text for one sequence, so \(estimator.rawValue) "
          + "cannot probe it.")
    }
    return plan
  }

  /// A checkpoint's model, and what scores sequences along its target's gradient.
  private struct Bench: ~Copyable {
    let plan: RunPlan
    var replica: Replica
    let parameters: Parameters<Whole>
    var direction: TargetDirection
    private var scorer: any Meter
    private var probes: DomainSampler
    private var batches: MixtureSampler
    let weights: [Double]
    let step: Int

    private var settings: SteeringSettings { plan.description.mixture.steering }
    private var isInline: Bool { settings.estimator == .inline }
    private var perDomain: Int { isInline ? 1 : settings.sequences }
    /// Sequences of the domains in a repetition.
    var count: Int {
      isInline
        ? plan.batch.sequences * min(settings.steps, plan.interval) : plan.corpus.domains.count * settings.sequences
    }

    init(_ plan: RunPlan, run: String, rank: Int) throws {
      let path = try SavedModel.locate(run, report: rank == 0 ? SavedModel.warn : { _ in })
      let state = try RunState.read(from: path)
      let domains = plan.corpus.domains
      guard state.modelConfiguration == plan.model, state.cursors.count == domains.count,
        state.identity["corpus"] == plan.identity["corpus"]
      else {
        throw Failure(.badData, "\(path) is a checkpoint of another model or corpus than \(run)/config.yaml describes.")
      }
      let direction = try TargetDirection(plan.steering)
      var batches = try plan.sampler()
      try batches.restore(cursors: state.cursors, orders: state.orders?.wrappedValue)
      try batches.setWeights((state.mixture.draws ?? state.mixture.weights).values) { domains.name($0) }
      var replica = plan.replica(rank: rank)
      var parameters = Parameters<Whole>(replica.optimizer.shards)
      try TensorFiles.read(&parameters, &replica.optimizer, layout: replica.model.layout, from: path)
      replica.optimizer.updates = state.updates
      self.plan = plan
      self.replica = replica
      self.parameters = parameters
      self.direction = direction
      self.batches = batches
      scorer = plan.description.mixture.steering.estimator.meter(plan.steering)
      probes = DomainSampler(windowCounts: plan.windowCounts, seed: plan.seed, stream: .probing)
      weights = state.mixture.weights.values
      step = state.step
    }

    /// Measures the direction and all domains once.
    mutating func measure(
      _ repetition: Int, into tally: inout AlignmentTally, with gradients: consuming Gradients<Local>,
      over world: borrowing Communicator
    ) throws -> Gradients<Local> {
      try world.agree { try StopSignal.check("nothing was measured to its end") }
      let memory = try direction.measure(draw: repetition, on: &replica, parameters, with: gradients, over: world)
      let windows =
        isInline
        ? batches.draw(step: step + 1 + repetition, count: count)
        : plan.corpus.domains.indices.flatMap { probes.draw(domain: $0, count: perDomain) }
      try world.agree { try StopSignal.check("nothing was measured to its end") }
      var sample = Sample(windows, from: plan.trainingSource(for: .measuring))
      let cleared = try scorer.measure(
        &sample, along: direction.rows, on: &replica, parameters, with: memory, over: world)
      let rows = sample.rowsAreMeans ? sample.ranges.map(\.lowerBound) : Array(windows.indices)
      tally.add(
        rows.map { row in
          let norm = sample.norms.isEmpty ? 0 : sample.norms[row / perDomain]
          return (Int(windows[row].domain), sample.scores[0][row] / direction.divisor(of: 0, norm: norm))
        }, unit: direction.unit(of: 0), recurrence: direction.recurrence(of: 0), areMeans: sample.rowsAreMeans)
      return cleared
    }
  }
}
