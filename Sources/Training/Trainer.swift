import Checkpoints
import Corpus
import Failures
import Foundation
import Kernels
import Liveness
import MPI
import Mixing
import Parallel
import Signals
import Steering
import Storage
import Transformer

/// The trainer: one loop that owns the step counter and calls the pieces.
///
/// Every rank runs the same code; what only the root rank has is in ``Root``. One rank is a world of one. The moments
/// of a step, in order: measure what the mixing method wants; move the weights; draw; measure the batch, if its losses
/// are weighed; forward and backward; reduce; update; observe; evaluate; save.
public struct Trainer: ~Copyable {
  let plan: RunPlan
  let checkpoints: CheckpointStore
  var replica: Replica
  var sampler: MixtureSampler
  /// What domains are drawn with, (domains).
  var weights: [Double]
  /// What losses count by, (domains): the weights that domains are drawn with, unless the method weighs losses, or has
  /// domains drawn for the sake of knowledge.
  var lossWeights: [Double]
  /// Whether domains are drawn for the sake of knowledge.
  var isExploring = false
  var steering: Steering
  var root: Root?
  var batch: Batch
  /// The windows of the next step, where they are asked for before it.
  var coming: [Window]
  var record: PassRecord
  var evaluation: Evaluation
  /// Whether a domain is in its second epoch or a later one, and a person has been told.
  var isRepeated: [Bool]
  /// How many domains that are.
  var repeatedCount = 0
  /// Windows drawn from domains that the corpus has no more.
  var departed = 0

  /// Steps done, the present one included.
  var step = 0
  var batchesChecksum = Checksum()
  var batchesHash = Checksum.Digest(high: 0, low: 0)
  var times = Times()
  /// Whether steps can be used.
  var outliers = OutlierWatch()
  /// Times that the run has gone back because of steps up to ``failedStep``.
  var returns = 0
  var failedStep = 0
  /// Whether a checkpoint was due while steps were passed over.
  var owesCheckpoint = false
  var memoryCheck: MemoryCheck
  let stops: StopConditions
  /// Whether the evaluation of the present step was given up, to be made by the run that goes on.
  var owesEvaluation = false
  /// When the last checkpoint was written, or the session began.
  var saved = ContinuousClock.now

  /// Seconds of the whole run, earlier sessions included; evaluations and checkpoints are not in `steps`.
  struct Times: Codable {
    var steps = 0.0, alignment = 0.0
    /// The share of training time that scores and reference losses took.
    var overheadShare: Double { steps > 0 ? alignment / steps : 0 }
  }

  /// Numbers of a pass's record that are the trainer's: ranks that have been asked to stop, and to write a checkpoint.
  private static let stops = 0, checkpoints = 1

  /// Allocates everything that `rank` needs but parameters and gradients.
  ///
  /// - Throws: `Failure` if target or domains are too short for one sequence.
  public init(_ plan: RunPlan, rank: Int) throws {
    // All that can fail comes first: a trainer is never left half made.
    let sampler = try plan.sampler()
    let evaluation = try Evaluation(plan)
    let steering = try Steering(plan.steering)
    self.plan = plan
    checkpoints = CheckpointStore(
      path: RunDirectory.checkpoints(of: plan.description.run), keep: plan.description.checkpoint.keep)
    self.sampler = sampler
    self.evaluation = evaluation
    self.steering = steering
    weights = plan.startWeights.values
    lossWeights = plan.method.weighting == .draws ? weights : plan.method.start.values
    replica = plan.replica(rank: rank)
    memoryCheck = MemoryCheck(replica.model.layout, replica.optimizer.shards)
    batch = plan.trainingBatch
    coming = batch.windows
    if plan.method.weighting == .loss { batch.factors = [Float](repeating: 1, count: plan.batch.sequences) }
    record = PassRecord(
      batch, length: plan.model.context, directions: plan.steering.directionCount, extras: 2)
    stops = StopConditions(limit: plan.description.timeLimit?.seconds, decides: rank == 0)
    Faults.order(plan.description.faults.filter { $0.rank == rank }.map(\.fault))
    isRepeated = [Bool](repeating: false, count: plan.windowCounts.count)
  }

  /// Trains to the end of the plan, or until asked to stop.
  ///
  /// - Parameter afterStep: Called on every rank after each step; its time counts for no step, and it must fail on all
  ///   ranks or none.
  /// - Returns: The outcome, the same on every rank.
  /// - Throws: `Failure`: `.preempted` after a stop signal or the time limit, `.diverged` if steps cannot be used again
  ///   and again, `.lostPeer` if the memory of a rank has changed by itself.
  public mutating func run(
    resume: Bool, over world: borrowing Communicator, afterStep: ((borrowing Communicator) throws -> Void)? = nil
  ) throws -> RunOutcome {
    if world.size > 1 { MappedFile.setReader("rank \(world.rank)") }
    var initial = Parameters<Whole>(replica.optimizer.shards)
    let ceiling = try open(resume: resume, &initial, over: world)
    var losses = try evaluateBeforeSteps(initial, over: world)
    var parameters = initial.arriving()
    var gradients = Gradients<Local>(layout: replica.model.layout, levels: plan.tree.levels)
    while step < plan.steps {
      var watch = Stopwatch()
      step += 1
      FlightRecorder.begin(step: step)
      FlightRecorder.enter(.measure)
      if steering.readsParameters(before: step) {
        let whole = try parameters.whole(over: world)
        watch.lap(\.gather)
        gradients = try steer(whole, with: gradients, over: world)
        parameters = whole.arriving()
      } else if steering.movesWeights(before: step), plan.method.weighting == .draws {
        try moveWeights(over: world)
      }
      watch.lap(\.alignment)
      try drawBatch()
      try exchangeWindows(&watch, over: world)
      if plan.method.weighting == .draws { correctFactors() }
      if steering.previews(step) {
        let whole = try parameters.whole(over: world)
        watch.lap(\.gather)
        gradients = try weighLosses(whole, with: gradients, over: world)
        parameters = whole.arriving()
        watch.lap(\.alignment)
      }
      let whole = try replica.run(
        batch, &gradients, parameters, along: steering.directions(for: step), recording: &record, over: world)
      watch.lap(replica.seconds)
      FlightRecorder.enter(.reduce)
      let request = try sumRecord(&watch, over: world)
      let averaged = try gradients.averaged(by: &replica.reduction, over: world)
      injectFaults(averaged, whole)
      let norm = try replica.reduction.norm(of: averaged, over: world)
      watch.lap(\.reduce_exposed)
      if step % plan.memoryCheckEvery == 0 { try checkMemory(of: whole, over: world) }
      FlightRecorder.enter(.update)
      parameters = try update(whole, with: averaged, norm: norm, over: world)
      gradients = averaged.cleared()
      observe(norm: norm)
      watch.lap(\.update)

      FlightRecorder.enter(.record)
      let ending = StepEnding(of: step, in: plan, request)
      if ending.readsParameters || owesCheckpoint || afterStep != nil {
        let whole = try parameters.whole(over: world)
        watch.lap(\.gather)
        try note(watch, norm: norm, ending)
        try afterStep?(world)
        if ending.isEvaluated { losses = try evaluate(whole, over: world) }
        if isSaved(ending) { try save(whole, over: world) }
        parameters = whole.arriving()
      } else {
        try note(watch, norm: norm, ending)
      }
      try leave(ending, over: world)
      if outliers.isLost || (ending.isLast && owesCheckpoint) {
        parameters = try goBack(parameters.whole(over: world), over: world)
        losses = nil
      }
    }
    let whole = try parameters.whole(over: world)
    if losses == nil { losses = try evaluate(whole, isRecorded: false, over: world) }
    guard let losses else { return try world.agree { throw stopped() } }
    try root?.journal.finished(root!.mixture, cursors: sampler.cursors)
    return outcome(losses, whole, ceiling: ceiling)
  }

  // MARK: Pieces of a step

  /// Brings losses, scores and requests of all ranks together; returns what any rank has been asked for by a signal.
  private mutating func sumRecord(
    _ watch: inout Stopwatch, over world: borrowing Communicator
  ) throws -> StopSignal.Request {
    let request = stops.request
    record[extra: Self.stops] = request == .stop ? 1 : 0
    record[extra: Self.checkpoints] = request == .checkpoint || isCheckpointDue ? 1 : 0
    try record.sumLosses(over: world)
    watch.lap(\.wait)
    if steering.isScored(step) {
      try record.sumScores(over: world)
      watch.lap(\.alignment)
    }
    // A request that has come since is answered by this step's checkpoint, too.
    if record[extra: Self.checkpoints] > 0 { StopSignal.acknowledge() }
    return record[extra: Self.stops] > 0 ? .stop : record[extra: Self.checkpoints] > 0 ? .checkpoint : .none
  }

  /// Whether it is time for a checkpoint by the clock, which is the root rank's alone so that ranks agree.
  private var isCheckpointDue: Bool {
    guard root != nil, let seconds = plan.checkpointSeconds else { return false }
    return saved.duration(to: .now) / .seconds(1) >= seconds
  }

  /// Updates the parameters; passes the step over, on all ranks alike, if its loss or gradient cannot be used.
  private mutating func update(
    _ parameters: consuming Parameters<Whole>, with gradients: borrowing Gradients<Averaged>, norm: Double,
    over world: borrowing Communicator
  ) throws -> Parameters<Arriving> {
    let settings = plan.description.optimizer
    if let reason = outliers.objection(loss: record.loss, norm: norm, factor: settings.outlier) {
      let (journal, step) = (root?.journal, step)
      try world.agree { try journal?.event(step, "skipped", "Step \(step) was skipped: \(reason).") }
      return parameters.arriving()
    }
    let rate = plan.schedule.rate(at: step)
    let factor = Optimizer.clippingFactor(norm: norm, limit: settings.clippingLimit)
    root?.forecast.stepped(rate: rate * factor)
    return try replica.optimizer.update(
      parameters, with: gradients, learningRate: rate, gradientScale: factor, over: world)
  }

  /// Lets the root rank take in what the step tells.
  private mutating func observe(norm: Double) {
    let scores = root != nil && steering.isScored(step) ? steering.scoredRows(of: record) : nil
    let result = result(norm: norm)
    root?.observe(result, batch, record, weights: weights, scores: scores)
  }

  /// Records the step.
  private mutating func note(_ watch: Stopwatch, norm: Double, _ ending: StepEnding) throws {
    times.steps += watch.total
    times.alignment += watch.seconds.alignment
    var result = result(norm: norm)
    result.watch = watch
    try root?.noteStep(result, cursors: sampler.cursors, isLast: ending.isLast)
  }

  private func result(norm: Double) -> StepResult {
    StepResult(
      step: step, loss: record.loss, rate: plan.schedule.rate(at: step), norm: norm, overheadShare: times.overheadShare)
  }
}
