import Columns
import Mixing

/// What each domain gets: counted from training batches, and recorded every interval.
package struct DomainLedger: Codable, Equatable {
  /// Since the last record, (domains): summed losses of sequences in nats per token, sequences, and sequences that the
  /// weights asked for.
  @Column private var losses: [Double]
  @Column private var sequences: [Int]
  @Column private var requested: [Double]

  package init(domains: Int) {
    _losses = Column(wrappedValue: [Double](repeating: 0, count: domains))
    _sequences = Column(wrappedValue: [Int](repeating: 0, count: domains))
    _requested = _losses
  }

  /// The number of domains.
  package var count: Int { losses.count }

  /// Whether what was read from a file is the ledger of so many domains.
  func isConsistent(domains: Int) -> Bool {
    [losses.count, sequences.count, requested.count].allSatisfy { $0 == domains } && sequences.allSatisfy { $0 >= 0 }
  }

  /// Carries the counts over to other domains.
  func carried(over change: DomainChange) -> DomainLedger {
    var ledger = DomainLedger(domains: change.now)
    change.carry(losses, into: &ledger.losses)
    change.carry(sequences, into: &ledger.sequences)
    change.carry(requested, into: &ledger.requested)
    return ledger
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

  /// What a domain got in an interval.
  package struct Entry {
    /// Nats per token; nil if the domain was not read.
    package let loss: Double?
    /// Shares of all sequences: what weights asked for, and what was drawn.
    package let shareRequested, shareAchieved: Double
  }

  /// What every domain got in an interval that is over, (domains).
  package struct Closed {
    private let ledger: DomainLedger
    private let all, asked: Double

    fileprivate init(_ ledger: DomainLedger) {
      self.ledger = ledger
      all = Double(max(1, ledger.sequences.reduce(0, +)))
      asked = max(ledger.requested.reduce(0, +), .leastNormalMagnitude)
    }

    /// What a domain got.
    package subscript(domain: Int) -> Entry {
      let sequences = ledger.sequences[domain]
      return Entry(
        loss: sequences > 0 ? ledger.losses[domain] / Double(sequences) : nil,
        shareRequested: ledger.requested[domain] / asked, shareAchieved: Double(sequences) / all)
    }
  }

  /// Closes the interval: what every domain got in it.
  package mutating func close() -> Closed {
    defer { self = DomainLedger(domains: count) }
    return Closed(self)
  }
}
