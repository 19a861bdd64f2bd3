import Corpus

/// The end of a run in figures, as `--json` prints it.
public struct RunOutcome: Encodable, Sendable {
  let steps, tokens, probe_tokens: Int
  package let target_loss, generic_loss: Double
  let seconds, tokens_per_second, flops_share, overhead_share: Double
  package let batches_hash, parameters_hash: String
  /// Training tokens read of each domain.
  package let domains_read: DomainsRead
}

/// Tokens read of each domain, by name; the names are made when it is written.
package struct DomainsRead: Encodable {
  let domains: DomainTable
  /// Tokens read, (domains).
  package let tokens: [Int]

  private struct Name: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Name.self)
    for (domain, count) in tokens.enumerated() {
      try container.encode(count, forKey: Name(stringValue: domains.name(domain)))
    }
  }
}
