import Mixing

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

  /// Whether what was read from a file is the ledger of so many domains.
  func isConsistent(domains: Int) -> Bool {
    [losses.count, sequences.count, requested.count].allSatisfy { $0 == domains } && sequences.allSatisfy { $0 >= 0 }
  }

  /// All sequences since the last record.
  var sequencesTotal: Double { sequences.reduce(0) { $0 + Double($1) } }

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
