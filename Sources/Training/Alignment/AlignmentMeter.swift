import Configuration
import Corpus
import Foundation
import Kernels
import MPI
import Mixing
import Transformer

/// The alignment of every domain with the target, measured as a run's configuration says, up to the scores that a rule moves
/// weights by.
///
/// Estimators that probe measure between steps, when an update is due. The estimator `inline` looks at the training batches of the
/// last steps before an update instead: the direction is measured before the first of them, then each sequence that is trained
/// on gives a score. Either way parameters, optimizer and the order of training data are as they would be without it.
struct AlignmentMeter: ~Copyable {
  private let settings: AlignmentSettings
  private let every, length, domains: Int
  private var direction: TargetDirection
  private var probe: ProbeScores
  private var probes: DomainSampler
  private var memory: ScoreMemory
  /// Relative scores of sequences since the last update, and the domains they are of, in the order of batches.
  private var measured: [(domain: Int, score: Double)] = []
  /// One score for each slot of a training batch.
  private var slots: [Double]
  /// Whether the direction is one for the next update.
  private var isAimed = false

  /// Tokens read by probes so far, all ranks together.
  private(set) var tokens = 0
  /// The change of the objective that alignments predict since the direction was measured last: minus the learning rates times the
  /// mixture's alignment.
  private var predicted = 0.0
  private var gain = 0.0

  private var diagnosis = Diagnosis()

  /// What is known of the target's loss at an update.
  struct Diagnosis: Codable {
    /// The objective on the steering windows, and its change since the update before, as measured and as predicted.
    var objective: Double?
    var realisedChange, predictedChange: Double?
  }

  /// What an update of the weights goes by, and what is to be told of it.
  struct Update {
    let scores: Scores
    /// Updates since each domain was measured last, (domains); -1 for never.
    let ages: [Int]
    let diagnosis: Diagnosis
  }

  /// Plans the measurements of a run.
  ///
  /// - Throws: `Failure(.badData)` if a target's steering part has no whole window.
  init(_ plan: RunPlan, every: Int) throws {
    settings = plan.configuration.mixture.alignment
    self.every = every
    length = plan.model.context
    domains = plan.corpus.domains.count
    direction = try TargetDirection(plan)
    probe = ProbeScores(plan)
    probes = DomainSampler(windowCounts: plan.windowCounts, seed: plan.configuration.seed, stream: .probing)
    memory = ScoreMemory(domains: domains)
    slots = [Double](repeating: 0, count: plan.batch.sequences)
    if settings.estimator == .inline { measured.reserveCapacity(window * slots.count) }
  }

  /// The number of steps that `inline` looks at before each update.
  private var window: Int { settings.looks(every: every) }

  /// Whether an update of the weights is due after `step` steps.
  func isUpdateDue(after step: Int) -> Bool { step > 0 && step % every == 0 }

  /// Whether the sequences of a step are scored while they are trained on.
  func isInline(_ step: Int) -> Bool { settings.estimator == .inline && step > windowStart(step) }

  /// Whether the direction has to be measured before a step.
  func needsDirection(before step: Int) -> Bool { isInline(step) && !isAimed }

  /// Whether anything is measured between a step and the next.
  func readsParameters(after step: Int) -> Bool {
    // After an update the direction may be needed anew.
    isUpdateDue(after: step) || needsDirection(before: step + 1)
  }

  /// The step after which `inline` looks at batches for the first update that comes after `step` steps or more.
  private func windowStart(_ step: Int) -> Int { (step + every - 1) / every * every - window }

  /// The direction to score training sequences along.
  var row: Matrix { direction.row }

  /// Measures the direction, with the memory of the gradients.
  ///
  /// Collective: every rank calls, with the same parameters.
  mutating func aim(
    after step: Int, _ model: inout GPT2, parameters: borrowing Arena, optimizer: borrowing Optimizer,
    with gradients: consuming Gradients<Local>, _ reduction: inout GradientReduction, over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    let before = direction.objective
    let cleared = try direction.measure(
      draw: step, &model, parameters: parameters, optimizer: optimizer, with: gradients, &reduction, over: world)
    tokens += direction.tokens
    isAimed = true
    diagnosis = Diagnosis(
      objective: direction.objective, realisedChange: before.map { (direction.objective ?? $0) - $0 },
      predictedChange: before != nil && settings.direction.isPredictive ? predicted : nil)
    predicted = 0
    return cleared
  }

  /// Measures direction and probes, if the estimator is one that probes, with the memory of the gradients.
  ///
  /// Collective: every rank calls, with the same parameters.
  mutating func probe(
    after step: Int, _ model: inout GPT2, parameters: borrowing Arena, optimizer: borrowing Optimizer,
    with gradients: consuming Gradients<Local>, _ reduction: inout GradientReduction, over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    guard settings.estimator != .inline else { return gradients }
    var gradients = try aim(
      after: step, &model, parameters: parameters, optimizer: optimizer, with: gradients, &reduction, over: world)
    let count = settings.probeSequences
    let windows = (0..<domains).flatMap { probes.draw(domain: $0, count: count) }
    var scores: [Double] = []
    var norms: [Double] = []
    gradients = try probe.measure(
      settings.estimator, windows, perDomain: count, along: direction.row, into: &scores, norms: &norms, &model,
      parameters: parameters, with: gradients, &reduction, over: world)
    tokens += windows.count * length
    for (place, window) in windows.enumerated() {
      let whole = direction.whole(norm: norms[place / count])
      measured.append((Int(window.domain), scores[place] / whole))
    }
    return gradients
  }

  /// Takes the scores of the micro-batch that a training step has just run backward through.
  ///
  /// - Parameters:
  ///   - slots: The slots of the global batch that the micro-batch is made of.
  ///   - scale: The scale of the backward pass.
  mutating func record(_ model: borrowing GPT2, slots range: Range<Int>, scale: Float) {
    for (sequence, slot) in range.enumerated() {
      slots[slot] = model.score(ofSequence: sequence) / (Double(scale) * Double(length))
    }
  }

  /// Brings the scores of a training batch together.
  ///
  /// Collective: every rank calls, with the same windows.
  mutating func collect(_ windows: [Window], over world: borrowing Communicator) throws {
    var span = slots.mutableSpan
    try world.allReduce(&span, .sum)
    for (slot, window) in windows.enumerated() {
      measured.append((Int(window.domain), slots[slot] / direction.unit))
      slots[slot] = 0
    }
  }

  /// Takes in what has been measured since the last update; nil if that is nothing, as after going on with other times of updates.
  mutating func update() -> Update? {
    guard !measured.isEmpty else { return nil }
    let scores = takeScores()
    isAimed = false
    return Update(scores: scores, ages: memory.ages, diagnosis: diagnosis)
  }

  /// Remembers what has been measured and returns all scores.
  ///
  /// Measurements that are not finite are not remembered; the scores say which domains they were of.
  private mutating func takeScores() -> Scores {
    defer { measured.removeAll(keepingCapacity: true) }
    let unit = settings.direction.cosine ? 1 : direction.unit
    let broken = measured.filter { !$0.score.isFinite }
    guard broken.isEmpty, unit.isFinite, unit > 0 else {
      memory.observe([], memory: settings.memory)
      var scores = memory.scores(unit: 1, memory: settings.memory)
      for (domain, score) in broken { scores.values[domain] = score }
      if broken.isEmpty { scores.unit = .nan }
      return scores
    }
    guard settings.estimator.givesErrors else {
      // One mean a domain: as many equal scores say nothing of their error.
      memory.observe(
        stride(from: 0, to: measured.count, by: settings.probeSequences).map { measured[$0] }, memory: settings.memory)
      return Scores(values: memory.scores(unit: unit, memory: settings.memory).values, unit: unit)
    }
    memory.observe(measured, memory: settings.memory)
    return memory.scores(unit: unit, memory: settings.memory)
  }

  /// Learns the mixture's alignment under the present weights, for predictions.
  mutating func weighted(_ scores: Scores, _ weights: [Double]) {
    let product = zip(scores.alignments, weights).reduce(0) { $0 + $1.0 * $1.1 }
    if product.isFinite { gain = product }
  }

  /// Learns of a training step, with the learning rate times the factor of clipping.
  mutating func stepped(rate: Double) { predicted -= rate * gain }

  // MARK: Checkpoints

  /// What a checkpoint keeps; the direction's elements are a file of their own, if the present ones are needed again.
  struct State: Codable {
    var probes: [Int]
    var direction: TargetDirection.State
    var memory: ScoreMemory
    var domains: [Int]
    var scores: [Double]
    var tokens: Int
    var predicted, gain: Double
    var diagnosis: Diagnosis
  }

  /// The state for a checkpoint.
  var state: State {
    State(
      probes: probes.cursors, direction: direction.state, memory: memory, domains: measured.map(\.domain),
      scores: measured.map(\.score), tokens: tokens,
      predicted: predicted, gain: gain, diagnosis: diagnosis)
  }

  /// The file of the direction's elements in a checkpoint.
  static let directionFile = "direction.safetensors"

  /// Whether the next step's sequences are scored along a direction that was measured before the present moment.
  private func isAimNeeded(after step: Int) -> Bool { isInline(step + 1) && !isUpdateDue(after: step) }

  /// Writes the direction's elements into the directory of a checkpoint after `step`, if the next step needs them.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  func writeDirection(after step: Int, to directory: String, layout: ParameterLayout) throws {
    guard isAimed, isAimNeeded(after: step) else { return }
    try direction.write(to: "\(directory)/\(Self.directionFile)", layout: layout)
  }

  /// Goes on from a checkpoint after `step`.
  ///
  /// - Throws: `Failure(.badData)` if the state is one of another corpus.
  mutating func restore(_ state: State, step: Int, from directory: String, layout: ParameterLayout) throws {
    guard state.memory.count == domains, state.domains.count == state.scores.count,
      state.domains.allSatisfy({ (0..<domains).contains($0) })
    else { throw Failure(.badData, "\(directory)/state.json has the alignments of another corpus.") }
    try probes.restore(cursors: state.probes)
    tokens = state.tokens
    guard try direction.restore(state.direction) else { return }
    memory = state.memory
    measured = Array(zip(state.domains, state.scores))
    (predicted, gain, diagnosis) = (state.predicted, state.gain, state.diagnosis)
    // If the times of updates have been changed, the direction may be missing or not be wanted; it is measured anew then.
    let file = "\(directory)/\(Self.directionFile)"
    isAimed = isAimNeeded(after: step) && FileManager.default.fileExists(atPath: file)
    if isAimed { try direction.read(from: file, layout: layout) }
  }
}
