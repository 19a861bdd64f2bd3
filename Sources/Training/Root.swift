import Corpus
import Mixing
import Parallel
import Steering

/// What only the root rank has: the mixture and what is known for it, what each domain gets, and the journal.
///
/// The other ranks learn of a move by the weights that are sent to them.
struct Root {
  var mixture: Mixture
  var forecast = Forecast()
  var ledger: DomainLedger
  let journal: Journal
  /// The rows of the present training batch; memory that is kept from step to step.
  private var observations: Observations

  init(_ plan: RunPlan, mixture: Mixture, journal: Journal) {
    self.mixture = mixture
    self.journal = journal
    ledger = DomainLedger(domains: plan.windowCounts.count)
    let rows = plan.batch.sequences
    observations = Observations(.training, step: 0, domains: [Int](repeating: 0, count: rows))
    observations.losses = [Double](repeating: 0, count: rows)
  }

  /// Takes in what a training step tells: losses, and scores if its sequences were scored.
  ///
  /// - Parameter weights: What the batch was drawn with, (domains).
  mutating func observe(
    _ result: StepResult, _ batch: Batch, _ record: PassRecord, weights: [Double], scores: Steering.ScoredRows?
  ) {
    (observations.step, observations.learningRate) = (result.step, result.rate)
    observations.batchNorm = result.norm
    for (slot, window) in batch.windows.enumerated() {
      observations.domains[slot] = Int(window.domain)
      observations.losses[slot] = record.loss(ofSlot: slot)
    }
    ledger.add(observations, weights: weights)
    scores?.add(to: &observations)
    mixture.observe(observations)
    if scores != nil { (observations.scores, observations.directionNorms, observations.gram) = ([], [], []) }
  }
}
