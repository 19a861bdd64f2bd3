import Failures
import Printing

extension TextSource {
  /// The failure for a source without text of its own, which says where its text is.
  ///
  /// - Parameters:
  ///   - dropped: How many of its documents have the text of one of another source, by the place of that.
  ///   - sources: All sources.
  func emptiness(_ tally: Tally, _ dropped: [Int: Int], among sources: [TextSource]) -> Failure {
    let paths = paths.map(\.printable).joined(separator: ", ")
    var reasons = [
      (tally.count(.empty), "are empty"), (tally.count(.notText), "not text"), (tally.count(.faulty), "faulty"),
    ].filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }
    let others = dropped.sorted { $0.key < $1.key }
    let places = others.map { "\($0.value) also in \(sources[$0.key].owner)" }
    if reasons.isEmpty, others.count == 1 {
      reasons = ["all \(others[0].value) are also in \(sources[others[0].key].owner)"]
    } else {
      reasons += places
    }
    let hint = others.isEmpty ? "" : " `duplicates: keep` in the recipe keeps the text in all of them."
    return section.failure(
      "paths",
      "The \(owner) has no text of its own in \(paths): of its documents, \(reasons.joined(separator: ", "))."
        + hint, kind: .badData)
  }
}
