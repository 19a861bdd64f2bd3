import Checkpoints
import Corpus
import Failures
import Foundation
import Kernels
import Liveness
import MPI
import Mixing
import Parallel

/// The beginning of a run, alone or from a checkpoint, and its outcome.
extension Trainer {
  /// Checks everything that a run checks before its first step, and touches nothing.
  ///
  /// Collective: every rank calls.
  ///
  /// - Returns: What the run would do, in a sentence.
  /// - Throws: What ``run(resume:over:afterStep:)`` would throw.
  public mutating func rehearse(resume: Bool, over world: borrowing Communicator) throws -> String {
    try world.agree {
      if world.rank == 0 { try RunDirectory.rehearse(at: plan.description.run, resume: resume) }
    }
    guard resume else { return "The run would begin." }
    var parameters = Parameters<Whole>(replica.optimizer.shards)
    var mixture = plan.mixture()
    guard let restored = try restore(&parameters, &mixture, over: world) else {
      return "There is no checkpoint to go on from, so the run would begin."
    }
    let outcome =
      step < plan.steps ? "The run would go on after step \(step)." : "The run is complete after step \(step)."
    guard let change = restored.change else { return outcome }
    return change.summary(mixture.weights, names: DomainNames(plan.corpus.domains)) + " " + outcome
  }

  /// Takes hold of the run directory, goes on from a checkpoint and opens the journal; returns the matrix product's
  /// rate of all ranks together, in floating-point operations per second.
  mutating func open(
    resume: Bool, _ parameters: inout Parameters<Whole>, over world: borrowing Communicator
  ) throws -> Double {
    let directory = try world.agree {
      world.rank == 0 ? try RunDirectory(at: plan.description.run, resume: resume, report: SavedModel.warn) : nil
    }
    var mixture = plan.mixture()
    let restored = resume ? try restore(&parameters, &mixture, over: world) : nil
    if restored == nil { try begin(&parameters, over: world) }
    let ceiling = try world.allReduce(BLAS.measureCeiling(seconds: 0.3), .sum)
    let journal = try world.agree {
      try directory.map {
        try Journal(
          plan, in: $0, metricsOffset: restored?.state.metricsOffset ?? 0, ceiling: ceiling, firstStep: step)
      }
    }
    FlightReport.setDirectory(plan.description.run + "/flight")
    replica.optimizer.acceptMemory(parameters)
    if restored == nil, plan.description.evaluation.first { (owesEvaluation, owesCheckpoint) = (true, true) }
    if let journal {
      if let change = restored?.change {
        try journal.changed(step, change, mixture)
      } else if step == 0 {
        try journal.recordStart(mixture, after: step)
      }
      root = Root(plan, mixture: mixture, journal: journal)
      if let restored { root?.restore(restored.state) }
    }
    let placement = try Placement(threads: plan.description.threads, over: world)
    try journal?.begin(
      world: world, placement: placement, isResumed: resume,
      skippedInEvaluation: evaluation.skipped)
    return ceiling
  }

  /// Gives the parameters their first values: random ones, or those of another run.
  private func begin(_ parameters: inout Parameters<Whole>, over world: borrowing Communicator) throws {
    let layout = replica.model.layout
    guard let initial = plan.initial else { return parameters.initialize(layout, seed: plan.seed) }
    // A run that is alive may write another checkpoint meanwhile: all ranks read the one that the root rank found.
    let path = String(decoding: try world.broadcast(Array(initial.path.utf8), root: 0), as: UTF8.self)
    try world.agree {
      var values = parameters.mutableSpan
      try TensorFiles.read(&values, layout: layout, from: "\(path)/\(TensorFiles.parametersFile)")
    }
  }

  /// Evaluates before the next step if that is owed: by a run that begins so, or by the session before.
  ///
  /// - Throws: `Failure(.preempted)` if a signal has asked to stop meanwhile; the run that goes on owes it again.
  mutating func evaluateBeforeSteps(
    _ parameters: borrowing Parameters<Whole>, over world: borrowing Communicator
  ) throws -> EvaluationResult? {
    guard owesEvaluation else { return nil }
    let losses = try evaluate(parameters, over: world)
    if owesEvaluation {
      if owesCheckpoint { try save(parameters, over: world) }
      try world.agree { throw stopped() }
    }
    owesCheckpoint = false
    // The last step's checkpoint says that its evaluation is owed.
    if step == plan.steps { try save(parameters, over: world) }
    return losses
  }

  func outcome(
    _ losses: EvaluationResult, _ parameters: borrowing Parameters<Whole>, ceiling: Double
  ) -> RunOutcome {
    let tokens = step * plan.tokensPerStep
    let rate = times.steps > 0 ? Double(tokens) / times.steps : 0
    return RunOutcome(
      steps: step, tokens: tokens, probe_tokens: steering.tokens, target_loss: losses.target.nats,
      generic_loss: losses.generic, seconds: times.steps, tokens_per_second: rate,
      flops_share: rate * plan.model.trainingFlopsPerToken(length: plan.model.context) / ceiling,
      overhead_share: times.overheadShare, batches_hash: batchesHash.description,
      parameters_hash: TensorFiles.checksum(of: parameters.span).description,
      domains_read: DomainsRead(
        domains: plan.corpus.domains, tokens: sampler.cursors.map { $0 * plan.model.context }))
  }
}
