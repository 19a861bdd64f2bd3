import Corpus
import Foundation
import Kernels
import MPI
import Mixing
import Parallel

/// Measures what the mixing method wants, at the moments of a step that it wants it; the same on every rank.
///
/// Estimators that probe read text of their own before a step. The estimator `inline` scores the batches of the last
/// steps before a move of the weights while they are trained on, along a direction that is measured before the first of
/// them. Methods that weigh losses have the coming batch itself measured. Either way parameters, optimizer and the
/// order of training data are as they would be without it.
package struct Steering: ~Copyable {
  let plan: SteeringPlan
  package internal(set) var direction: TargetDirection
  private var scorer: (any Meter)?
  /// Whether sequences are scored at all.
  let isScoring: Bool
  private var reference: (any Meter)?
  /// Where probes are read from; nil before the first.
  var probes: DomainSampler?
  /// What the orders of the domains' windows follow from; see ``DomainSampler/orders``.
  var orders: [Int]?
  /// What probes are drawn from, if not every domain by itself.
  private let distributions: [DistributionTable]?
  /// Whether the directions are ones for the next move of the weights.
  var hasDirection = false
  /// Tokens read so far beside training batches, all ranks together.
  package internal(set) var tokens = 0

  /// Plans the measurements of a run.
  ///
  /// - Throws: `Failure(.badData)` if a target's steering part has no whole window; if a reference model cannot be
  ///   read.
  package init(_ plan: SteeringPlan) throws {
    let isScored = plan.wishes.contains(.scores)
    let direction = try TargetDirection(plan, isNeeded: isScored)
    let reference =
      plan.wishes.contains(.referenceLosses)
      ? try plan.reference.map { try ReferenceModel($0, length: plan.length, capacity: plan.micro) } : nil
    self.plan = plan
    isScoring = isScored
    self.direction = direction
    self.reference = reference
    scorer = isScored ? plan.settings.estimator.meter(plan) : nil
    distributions = isScored && plan.settings.estimator != .inline ? plan.probeTables : nil
  }

  // MARK: Moments of a step, counted from 1

  /// Whether the weights are moved for a step.
  package func movesWeights(before step: Int) -> Bool { plan.method.wants(before: step).contains(.weights) }

  /// Whether the batch of a step is measured before it is trained on.
  package func previews(_ step: Int) -> Bool {
    plan.method.weighting == .loss && !plan.method.wants(before: step).isDisjoint(with: [.scores, .referenceLosses])
  }

  /// Whether text of its own is scored before a step.
  private func probes(before step: Int) -> Bool {
    isScoring && !isInline && plan.method.weighting == .draws
      && plan.method.wants(before: step).contains(.scores)
  }

  private var isInline: Bool { plan.settings.estimator == .inline && plan.method.weighting == .draws }

  /// Whether the sequences of a step are scored while they are trained on: a move that wants scores comes soon after
  /// it.
  package func isScored(_ step: Int) -> Bool {
    guard isInline, isScoring else { return false }
    for coming in step + 1...step + plan.settings.steps
    where plan.method.wants(before: coming).contains(.scores) { return true }
    return false
  }

  /// Whether anything reads the parameters before the batch of a step is drawn.
  package func readsParameters(before step: Int) -> Bool { probes(before: step) || needsDirection(before: step) }

  /// Whether the directions have to be measured before a step is scored, unless the weights move first.
  private func needsDirection(before step: Int) -> Bool {
    isScored(step) && (!hasDirection || movesWeights(before: step))
  }

  /// The directions to score a step's sequences along, if they are to be.
  package func directions(for step: Int) -> Matrix? {
    guard isScored(step) else { return nil }
    return direction.rows
  }

  // MARK: Measurements

  /// Measures the directions anew if a step's sequences are to be scored and there are none for the next move.
  ///
  /// Collective: every rank calls.
  ///
  /// - Returns: The memory of the gradients, cleared.
  package mutating func measureDirection(
    before step: Int, on replica: inout Replica, _ parameters: borrowing Parameters<Whole>,
    with gradients: consuming Gradients<Local>, over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    guard isScored(step), !hasDirection else { return gradients }
    return try measureDirectionNow(draw: step - 1, on: &replica, parameters, with: gradients, over: world)
  }

  private mutating func measureDirectionNow(
    draw: Int, on replica: inout Replica, _ parameters: borrowing Parameters<Whole>,
    with gradients: consuming Gradients<Local>, over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    let cleared = try direction.measure(draw: draw, on: &replica, parameters, with: gradients, over: world)
    tokens += direction.tokens
    hasDirection = true
    return cleared
  }

  /// Says that a measurement was given up on all ranks; it has left no trace.
  package struct GivenUp: Error {}

  /// Scores probes of every domain, if a step wants that of text of its own.
  ///
  /// Collective: every rank calls.
  ///
  /// - Parameters:
  ///   - observations: Receives a row for each sequence; stays as it is if nothing is measured.
  ///   - isGivenUp: Asked between passes whether this rank wants to leave; once true, it stays true.
  /// - Returns: The memory of the gradients, cleared.
  /// - Throws: ``GivenUp`` if any rank wants to leave.
  package mutating func probe(
    before step: Int, into observations: inout Observations?, on replica: inout Replica,
    _ parameters: borrowing Parameters<Whole>, with gradients: consuming Gradients<Local>,
    over world: borrowing Communicator, unless isGivenUp: @escaping () -> Bool = { false }
  ) throws -> Gradients<Local> {
    guard probes(before: step) else { return gradients }
    let before = state
    var sample = probeSample(before: step)
    sample.isGivenUp = isGivenUp
    tokens += sample.windows.count * plan.length
    let cleared = try score(&sample, draw: step - 1, on: &replica, parameters, with: gradients, over: world)
    if try world.allReduce(isGivenUp() ? 1 : 0, .max) == 1 {
      _ = try restore(before, orders: orders, after: step - 1) { _ in false }
      throw GivenUp()
    }
    observations = self.observations(of: sample, .probes, step: step)
    return cleared
  }

  /// Draws as many sequences of every domain, or from every distribution that the method probes.
  private mutating func probeSample(before step: Int) -> Sample {
    let count = plan.settings.sequences
    var probes = self.probes ?? startOfProbes
    defer { self.probes = probes }
    guard let distributions else {
      let windows = plan.domains.indices.filter { plan.windowCounts[$0] > 0 }.flatMap {
        probes.draw(domain: $0, count: count)
      }
      return Sample(windows, from: plan.source)
    }
    let windows = distributions.indices.flatMap { place in
      (place * count..<(place + 1) * count).flatMap { slot in
        probes.draw(domain: distributions[place].draw(slot, step, seed: plan.seed, stream: .probing), count: 1)
      }
    }
    return Sample(
      windows, from: plan.source, ranges: distributions.indices.map { $0 * count..<($0 + 1) * count }, areDomains: false
    )
  }

  var startOfProbes: DomainSampler {
    DomainSampler(windowCounts: plan.windowCounts, orders: orders, seed: plan.seed, stream: .probing)
  }

  /// Measures the batch of a step before it is trained on.
  ///
  /// Collective: every rank calls, with the same batch.
  ///
  /// - Parameter observations: Receives a row for each sequence.
  /// - Returns: The memory of the gradients, cleared.
  package mutating func preview(
    _ batch: Batch, of step: Int, into observations: inout Observations?, on replica: inout Replica,
    _ parameters: borrowing Parameters<Whole>, with gradients: consuming Gradients<Local>,
    over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    var gradients = gradients
    var sample = Sample(batch.windows.sorted { $0.domain < $1.domain }, from: plan.source)
    let wishes = plan.method.wants(before: step)
    if wishes.contains(.scores) {
      gradients = try score(&sample, draw: step - 1, on: &replica, parameters, with: gradients, over: world)
    }
    if wishes.contains(.referenceLosses), reference != nil {
      gradients = try reference!.measure(
        &sample, along: Arena(count: 0).row, on: &replica, parameters, with: gradients, over: world)
      tokens += sample.windows.count * plan.length
    }
    observations = self.observations(of: sample, .comingBatch, step: step)
    return gradients
  }

  /// Scores a sample along directions that are measured right before.
  private mutating func score(
    _ sample: inout Sample, draw: Int, on replica: inout Replica, _ parameters: borrowing Parameters<Whole>,
    with gradients: consuming Gradients<Local>, over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    let cleared = try measureDirectionNow(draw: draw, on: &replica, parameters, with: gradients, over: world)
    return try scorer!.measure(
      &sample, along: direction.rows, on: &replica, parameters, with: cleared, over: world)
  }

  /// Learns that the weights have moved: the next scores are along directions measured anew.
  package mutating func moved() { hasDirection = false }
}
