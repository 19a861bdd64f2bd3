import Foundation
import Mixing
import Printing

/// The table that ends a run.
extension Journal {
  /// A table of the domains whose weights moved most, or were read most if none did.
  func closingTable(_ mixture: Mixture, cursors: [Int]) -> String {
    let all = Double(max(1, cursors.reduce(0, +)))
    let order =
      plan.isMoving
      ? movers(mixture, most: Self.shownDomains)
      : NamedDomains.largest(Self.shownDomains, of: domains.count) { Double(cursors[$0]) }
    let isScored = plan.wishes.contains(.scores) && latest != nil
    var table = TextTable(
      ["domain", "weight", "at the start", "of all text", "tokens read", "epochs", "loss"]
        + (isScored ? ["score", "+-"] : []))
    for domain in order {
      let loss = lastEntries?[domain].loss.map { String(format: "%.3f", $0) } ?? "-"
      table.append(
        [
          domains.name(domain), Words.percent(mixture.weights.values[domain]),
          Words.percent(plan.method.start.values[domain]),
          Words.percent(Double(cursors[domain]) / all), "\(cursors[domain] * plan.model.context)",
          String(format: "%.2f", epochs(cursors, domain)), loss,
        ] + (isScored ? [score(latest?.values[domain]), score(latest?.errors?[domain])] : []))
    }
    let which = plan.isMoving ? "that moved most" : "read most"
    let others =
      domains.count > Self.shownDomains ? "The \(Self.shownDomains) domains of \(domains.count) \(which):\n" : ""
    return others + table.text.dropLast() + (finding.map { "\n" + $0.sentence } ?? "")
  }

  private func score(_ value: Double?) -> String {
    value.map { $0.isFinite ? String(format: "%.3f", $0) : "?" } ?? "-"
  }

  private static let shownDomains = 5
}
