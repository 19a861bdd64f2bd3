/// A table to draw domains from a distribution of which most may have no share.
///
/// Slot s of draw t depends on (seed, stream, t, s) alone, so that every rank draws the same. 16 bytes per domain with
/// a share.
package struct DistributionTable: Sendable {
  private let domains: [Int32]
  private let table: AliasTable

  /// Builds the table of domains and their shares, of any scale.
  ///
  /// - Precondition: shares are finite and not negative, and their sum is positive.
  package init(domains: [Int32], shares: [Double]) {
    self.domains = domains
    table = AliasTable(weights: shares)
  }

  /// Draws a domain.
  package func draw(_ slot: Int, _ draw: Int, seed: UInt64, stream: SampleStream) -> Int {
    Int(domains[table.draw(Philox(seed: seed).pair(slot, draw, stream: stream.domains))])
  }
}
