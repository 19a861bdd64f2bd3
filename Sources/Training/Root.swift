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

/// What each domain gets: counted from training batches, and recorded every interval.
package struct DomainLedger: Codable, Equatable {
  /// Since the last record, (domains): summed losses of sequences in nats per token, sequences, and sequences that the
  /// weights asked for.
  private var losses: [Double]
  private var sequences: [Int]
  private var requested: [Double]

  package init(domains: Int) {
    losses = [Double](repeating: 0, count: domains)
    sequences = [Int](repeating: 0, count: domains)
    requested = losses
  }

  /// The number of domains.
  package var count: Int { losses.count }

  /// Counts the rows of a training batch.
  ///
  /// - Parameter weights: What the batch was drawn with, (domains).
  package mutating func add(_ observations: Observations, weights: [Double]) {
    for (domain, loss) in zip(observations.domains, observations.losses) where loss.isFinite {
      losses[domain] += loss
      sequences[domain] += 1
    }
    let rows = Double(observations.domains.count)
    for domain in weights.indices { requested[domain] += rows * weights[domain] }
  }

  /// What a domain got since the last record.
  package struct Entry {
    /// Nats per token; nil if the domain was not read.
    package let loss: Double?
    /// Shares of all sequences: what weights asked for, and what was drawn.
    package let shareRequested, shareAchieved: Double
  }

  /// Closes the interval: what every domain got in it, (domains).
  package mutating func close() -> [Entry] {
    let all = Double(max(1, sequences.reduce(0, +)))
    let asked = max(requested.reduce(0, +), .leastNormalMagnitude)
    let entries = losses.indices.map { domain in
      Entry(
        loss: sequences[domain] > 0 ? losses[domain] / Double(sequences[domain]) : nil,
        shareRequested: requested[domain] / asked, shareAchieved: Double(sequences[domain]) / all)
    }
    self = DomainLedger(domains: count)
    return entries
  }
}
