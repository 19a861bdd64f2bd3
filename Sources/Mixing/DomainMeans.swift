import Columns

/// Means of measurements by domain, as they come in rows.
///
/// A domain with a measurement that is not finite has no mean: it is as if it had not been measured, and is noted.
/// States are written as JSON, which has no such numbers.
public struct DomainMeans: Codable, Sendable, Equatable {
  @Column private(set) var sums: [Double]
  /// Rows of each domain, (domains).
  @Column public private(set) var counts: [Int]
  @Column private(set) var isBroken: [Bool]

  /// Starts without rows.
  public init(domains: Int) {
    _sums = Column(wrappedValue: [Double](repeating: 0, count: domains))
    _counts = Column(wrappedValue: [Int](repeating: 0, count: domains))
    _isBroken = Column(wrappedValue: [Bool](repeating: false, count: domains))
  }

  /// Takes in one value per row.
  public mutating func add(_ values: [Double], of domains: [Int]) {
    for (value, domain) in zip(values, domains) {
      counts[domain] += 1
      if (sums[domain] + value).isFinite { sums[domain] += value } else { isBroken[domain] = true }
    }
  }

  /// The mean of a domain; nil if there is none.
  public subscript(domain: Int) -> Double? {
    counts[domain] > 0 && !isBroken[domain] ? sums[domain] / Double(counts[domain]) : nil
  }

  /// Whether there are no rows.
  public var isEmpty: Bool { counts.allSatisfy { $0 == 0 } }
  /// The first domain that has no mean because of a value that is not finite.
  public var firstBroken: Int? { isBroken.firstIndex(of: true) }

  /// Goes on with the rows of a run on other domains.
  mutating func carry(_ before: DomainMeans, over change: DomainChange) {
    change.carry(before.sums, into: &sums)
    change.carry(before.counts, into: &counts)
    change.carry(before.isBroken, into: &isBroken)
  }

  /// Forgets all rows.
  public mutating func removeAll() { self = DomainMeans(domains: sums.count) }
}
