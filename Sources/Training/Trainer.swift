import Configuration
import Corpus
import Foundation
import Kernels
import Logging
import MPI
import Mixing
import Transformer

/// The trainer: one loop that owns the step counter and calls the pieces.
///
/// Every rank runs the same code with the same state; the root rank also keeps the journal. One rank is a world of one.
public struct Trainer: ~Copyable {
  let plan: RunPlan
  var model: GPT2
  /// Whole only when ``gather`` has finished.
  var parameters: Arena
  private var gather: ParameterGather
  var optimizer: Optimizer
  private var reduction: GradientReduction
  var sampler: MixtureSampler
  var mixture: Mixture
  var alignment: AlignmentMeter?
  private var evaluation: Evaluation
  private var reader: BatchReader
  /// The windows of the present global batch, in slot order.
  private var windows: [Window]
  /// The loss of every micro-batch of the present global batch, and how many ranks have been asked to stop or to write a
  /// checkpoint.
  private var tally: [Double]
  /// Whether a domain is in its second epoch or a later one, and a person has been told.
  var isRepeated: [Bool]

  var step = 0
  private var batchesChecksum = Checksum()
  var batchesHash = Checksum.Digest(high: 0, low: 0)
  var times = Times()
  private var skipped = 0

  /// Seconds of the whole run, earlier sessions included; evaluations and checkpoints are not in `steps`.
  struct Times {
    var steps = 0.0, alignment = 0.0
  }

  /// Allocates everything that `rank` needs and draws the initial parameters.
  ///
  /// - Throws: `Failure` if target or domains are too short for one sequence.
  public init(_ plan: RunPlan, rank: Int) throws {
    StopSignal.install()
    let configuration = plan.configuration
    let length = plan.model.context
    // All that can fail comes first: a trainer is never left half made.
    let mixture = try plan.mixture()
    let sampler = try plan.sampler()
    let evaluation = try Evaluation(
      corpus: plan.corpus, target: plan.target, length: length, sequences: configuration.evaluation.sequences,
      capacity: plan.batch.micro)
    let alignment = try plan.mixEvery.map { try AlignmentMeter(plan, every: $0) }

    self.plan = plan
    self.mixture = mixture
    self.sampler = sampler
    self.evaluation = evaluation
    self.alignment = alignment
    model = GPT2(
      plan.model, sequences: plan.batch.micro, length: length, recomputing: configuration.model.recompute)
    parameters = Arena(count: model.layout.arenaCount)
    model.layout.initialize(parameters, seed: configuration.seed)
    let shards = plan.shards(rank: rank)
    reduction = GradientReduction(shards)
    gather = ParameterGather(shards)
    optimizer = Optimizer(
      layout: model.layout, shards: shards, betas: configuration.optimizer.betas,
      epsilon: configuration.optimizer.epsilon, weightDecay: configuration.optimizer.weightDecay)
    reader = BatchReader(length: length, capacity: plan.batch.micro)
    windows = [Window](repeating: Window(), count: plan.batch.sequences)
    tally = [Double](repeating: 0, count: plan.tree.microBatches + 2)
    isRepeated = [Bool](repeating: false, count: plan.windowCounts.count)
  }

  /// Trains to the end of the plan, or until asked to stop.
  ///
  /// - Parameter afterStep: Called on every rank after each step; its time counts for no step, and it must fail on all ranks or none.
  /// - Returns: The outcome, the same on every rank.
  /// - Throws: `Failure`: `.preempted` after a stop signal, `.diverged` after three steps in a row without finite gradients.
  public mutating func run(
    resume: Bool, over world: borrowing Communicator,
    afterStep: ((borrowing Communicator) throws -> Void)? = nil
  ) throws -> RunOutcome {
    do {
      return try train(resume: resume, over: world, afterStep)
    } catch {
      // Messages of a step may be on their way, and MPI writes into the parameters until they are complete.
      try? gather.settle()
      throw error
    }
  }

  private mutating func train(
    resume: Bool, over world: borrowing Communicator, _ afterStep: ((borrowing Communicator) throws -> Void)?
  ) throws -> RunOutcome {
    let directory = try world.agree {
      world.rank == 0 ? try RunDirectory(at: plan.configuration.run, resume: resume) : nil
    }
    let checkpoints = CheckpointStore(
      path: plan.configuration.run + "/checkpoints", keep: plan.configuration.checkpoint.keep)
    let metricsOffset = resume ? try restore(from: checkpoints, over: world) : 0
    let ceiling = try world.allReduce(BLAS.measureCeiling(seconds: 0.3), .sum)
    let journal = try world.agree {
      try directory.map { try Journal(plan, in: $0, metricsOffset: metricsOffset, ceiling: ceiling, firstStep: step) }
    }
    let placement = try Placement(threads: plan.configuration.threads, over: world)
    let skippedDomains = evaluation.skipped(of: plan.corpus)
    try journal?.begin(world: world, placement: placement, isResumed: resume, skippedInEvaluation: skippedDomains)

    var gradients = Gradients<Local>(layout: model.layout, levels: plan.tree.levels)
    var result: EvaluationResult?
    while step < plan.steps {
      var watch = Stopwatch()
      gradients = try align(journal, gradients, over: world)
      watch.lap(\.alignment)
      step += 1

      drawBatch()
      try announceRepeatedDomains(journal)
      let (loss, request) = try accumulate(&gradients, &watch, over: world)
      let averaged = try gradients.averaged(by: &reduction, over: world)
      let norm = try reduction.norm(of: averaged, over: world)
      watch.lap(\.reduce_exposed)
      let rate = plan.schedule.rate(at: step)
      if loss.isFinite && norm.isFinite {
        let factor = Optimizer.clippingFactor(norm: norm, limit: plan.configuration.optimizer.clip)
        try optimizer.update(
          &parameters, with: averaged, learningRate: rate, gradientScale: factor, gathering: &gather, over: world)
        alignment?.stepped(rate: rate * factor)
        watch.lap(\.update)
        skipped = 0
      } else {
        try world.agree { try skip(loss: loss, norm: norm, journal) }
      }
      gradients = averaged.cleared()

      let isLast = step == plan.steps
      let isEvaluated = isLast || plan.evaluateEvery.map { step % $0 == 0 } ?? false
      let isSaved = isLast || request != .none || plan.checkpointEvery.map { step % $0 == 0 } ?? false
      // Otherwise parameters arrive while the next forward pass already runs.
      if isEvaluated || isSaved || afterStep != nil || alignment?.readsParameters(after: step) ?? false {
        try gather.finish(&parameters, over: world)
        watch.lap(\.gather)
      }
      times.steps += watch.total
      times.alignment += watch.seconds.alignment
      try journal?.stepped(
        step, loss: loss, rate: rate, norm: norm, watch: watch, overheadShare: overheadShare, weights: mixture,
        isLast: isLast)
      try afterStep?(world)
      if isEvaluated {
        let losses = try evaluation.run(&model, parameters: parameters, over: world)
        try journal?.evaluated(step, losses)
        result = losses
      }
      if isSaved {
        try writeCheckpoint(to: checkpoints, journal, over: world)
      }
      if request == .stop && !isLast {
        try world.agree {
          throw Failure(
            .preempted, "Stopped by a signal after step \(step); the checkpoint is written, go on with --resume.")
        }
      }
    }
    let losses = try result ?? evaluation.run(&model, parameters: parameters, over: world)
    try journal?.finished(weights: mixture)
    return outcome(losses, ceiling: ceiling)
  }

  // MARK: Pieces of a step

  /// Draws the step's windows, the same on every rank, and chains them into the hash of all batches.
  private mutating func drawBatch() {
    draw(step, from: &sampler, into: &windows)
    batchesChecksum.reset()
    update(&batchesChecksum, with: (batchesHash.high, batchesHash.low))
    for window in windows { update(&batchesChecksum, with: (Int64(window.domain), Int64(window.index))) }
    batchesHash = batchesChecksum.digest
  }

  /// Says once of each domain that all its text has been read and is read again.
  private mutating func announceRepeatedDomains(_ journal: Journal?) throws {
    for window in windows {
      let domain = Int(window.domain)
      guard !isRepeated[domain], sampler.completedEpochs(of: domain) > 0 else { continue }
      isRepeated[domain] = true
      try journal?.event(
        step, "epoch", "Domain \(plan.corpus.domains[domain].name) has been read once and starts again.",
        isWarning: false)
    }
  }

  /// Adds the gradients of this rank's share of the batch, the last of which are on their way to other ranks then; returns the
  /// mean loss over all ranks' tokens, and what any rank has been asked for by a signal.
  private mutating func accumulate(
    _ gradients: inout Gradients<Local>, _ watch: inout Stopwatch, over world: borrowing Communicator
  ) throws -> (loss: Double, request: StopSignal.Request) {
    let scale = 1 / Float(plan.tokensPerStep)
    let tree = plan.tree
    let isInline = alignment?.isInline(step) ?? false
    let direction = isInline ? alignment?.row : nil
    let before = model.directionSeconds
    let share = tree.microBatches(ofRank: world.rank)
    for place in tally.indices { tally[place] = 0 }
    for group in tree.groups(of: world.rank) {
      for microBatch in tree.microBatches(of: group) {
        reader.clear()
        let slots = plan.batch.slots(rank: world.rank, microBatch: microBatch - share.lowerBound)
        for slot in slots {
          try reader.append(windows[slot].index, of: plan.corpus.domains[Int(windows[slot].domain)].train)
        }
        watch.lap(\.data)
        let waiting = try model.forward(reader, parameters: &parameters, gathering: &gather, over: world)
        watch.lap(\.forward)
        watch.move(waiting, from: \.forward, to: \.gather)
        if microBatch + 1 < share.upperBound {
          tally[microBatch] = gradients.accumulate(&model, parameters: parameters, scale: scale, along: direction)
        } else {
          tally[microBatch] = try gradients.accumulate(
            &model, parameters: parameters, scale: scale, along: direction, reducing: &reduction, over: world)
        }
        if isInline { alignment?.record(model, slots: slots, scale: scale) }
        watch.lap(\.backward)
      }
      if group + 1 < tree.groups(of: world.rank).upperBound { gradients.closeGroup() }
    }
    watch.lap(\.backward)
    // A rank without micro-batches of its own has waited for nothing.
    try gather.finish(&parameters, over: world)
    watch.lap(\.gather)
    let request = StopSignal.request
    if request == .stop { tally[tree.microBatches] = 1 }
    if request == .checkpoint { tally[tree.microBatches + 1] = 1 }
    var span = tally.mutableSpan
    try world.allReduce(&span, .sum)
    watch.lap(\.wait)
    if isInline {
      watch.move(model.directionSeconds - before, from: \.backward, to: \.alignment)
      try alignment?.collect(windows, over: world)
      watch.lap(\.alignment)
    }
    StopSignal.acknowledge()
    // In the order of the batch, whoever computed what.
    var loss = 0.0
    for microBatch in 0..<tree.microBatches { loss += tally[microBatch] }
    let (stops, checkpoints) = (tally[tree.microBatches], tally[tree.microBatches + 1])
    return (loss / Double(plan.tokensPerStep), stops > 0 ? .stop : checkpoints > 0 ? .checkpoint : .none)
  }

  /// Does what alignment needs between two steps, with the memory of the gradients: updates the mixture if that is due, and
  /// measures the direction if the next step's sequences are to be scored along it.
  private mutating func align(
    _ journal: Journal?, _ gradients: consuming Gradients<Local>, over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    var gradients = gradients
    if alignment?.isUpdateDue(after: step) ?? false {
      gradients = try alignment!.probe(
        after: step, &model, parameters: parameters, optimizer: optimizer, with: gradients, &reduction, over: world)
      try updateMixture(journal, over: world)
    }
    if alignment?.needsDirection(before: step + 1) ?? false {
      gradients = try alignment!.aim(
        after: step, &model, parameters: parameters, optimizer: optimizer, with: gradients, &reduction, over: world)
    }
    return gradients
  }

  /// Moves the weights by the scores; the root rank does, and sends them to all.
  private mutating func updateMixture(_ journal: Journal?, over world: borrowing Communicator) throws {
    guard let update = alignment?.update() else { return }
    var weights = mixture.sampledWeights.values
    if world.rank == 0 {
      let report = mixture.update(update.scores, limits: plan.sampleLimits(after: step, read: sampler.cursors))
      weights = mixture.sampledWeights.values
      try journal?.mixed(step, mixture, update, report, probeTokens: probeTokens, overheadShare: overheadShare)
    }
    var span = weights.mutableSpan
    try world.broadcast(&span, root: 0)
    try setWeights(weights)
    alignment?.weighted(update.scores, weights)
  }

  mutating func setWeights(_ weights: [Double]) throws {
    try sampler.setWeights(weights) { [domains = plan.corpus.domains] in domains[$0].name }
  }

  /// Passes a step over whose loss or gradient is not finite, on all ranks alike; gives up after three in a row.
  private mutating func skip(loss: Double, norm: Double, _ journal: Journal?) throws {
    skipped += 1
    let message = "Step \(step) was skipped: loss \(loss), gradient norm \(norm)."
    try journal?.event(step, "skipped", message)
    if skipped == 3 {
      throw Failure(
        .diverged,
        message + " Three steps in a row were not finite: resume from a checkpoint with a lower "
          + "optimizer.learning_rate or optimizer.clip.")
    }
  }

  /// Tokens that alignment has read beside the training batches, all ranks together.
  private var probeTokens: Int {
    switch alignment {
    case .some(let meter): meter.tokens
    case nil: 0
    }
  }
  private var overheadShare: Double { times.steps > 0 ? times.alignment / times.steps : 0 }

  // MARK: Outcome

  private func outcome(_ losses: EvaluationResult, ceiling: Double) -> RunOutcome {
    let tokens = step * plan.tokensPerStep
    let rate = times.steps > 0 ? Double(tokens) / times.steps : 0
    return RunOutcome(
      steps: step, tokens: tokens, probe_tokens: probeTokens, target_loss: losses.target.nats,
      generic_loss: losses.generic, seconds: times.steps, tokens_per_second: rate,
      flops_share: rate * plan.model.trainingFlopsPerToken(length: plan.model.context) / ceiling,
      overhead_share: overheadShare, batches_hash: batchesHash.description,
      parameters_hash: TensorFiles.checksum(of: parameters).description)
  }
}

/// Adds the bytes of two numbers to a checksum.
private func update<Number: FixedWidthInteger>(_ checksum: inout Checksum, with pair: (Number, Number)) {
  withUnsafeBytes(of: pair) { checksum.update($0) }
}

/// Fills `windows` with those of a step.
private func draw(_ step: Int, from sampler: inout MixtureSampler, into windows: inout [Window]) {
  var slots = windows.mutableSpan
  sampler.draw(step: step, into: &slots)
}

/// The end of a run in figures, as `--json` prints it.
public struct RunOutcome: Encodable, Sendable {
  let steps, tokens, probe_tokens: Int
  let target_loss, generic_loss: Double
  let seconds, tokens_per_second, flops_share, overhead_share: Double
  let batches_hash, parameters_hash: String
}
