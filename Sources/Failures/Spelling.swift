/// Guesses of what a misspelt name meant.
public enum Spelling {
  /// Counts the insertions, deletions, substitutions and swaps of neighbours that turn one name into another.
  ///
  /// The restricted Damerau-Levenshtein distance, without regard to case; `-` and `_` are the same.
  public static func distance(_ first: String, _ second: String) -> Int {
    let a = folded(first)
    let b = folded(second)
    var beforePrevious = [Int](repeating: 0, count: b.count + 1)
    var previous = Array(0...b.count)
    for i in 0..<a.count {
      var current = [i + 1]
      current.reserveCapacity(b.count + 1)
      for j in 0..<b.count {
        var best = min(previous[j + 1] + 1, current[j] + 1, previous[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
          best = min(best, beforePrevious[j - 1] + 1)
        }
        current.append(best)
      }
      beforePrevious = previous
      previous = current
    }
    return previous[b.count]
  }

  /// Orders candidates by their distance to a name, ties by their given order.
  public static func ranked(_ candidates: [String], near name: String) -> [String] {
    let scored = candidates.enumerated().map { (distance(name, $0.element), $0.offset, $0.element) }
    return scored.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2)
  }

  /// Finds the candidate that a misspelt name most likely meant, or nil when none is close.
  ///
  /// Close means that at most a third of the longer name (and at least one letter) has to change, or that one name
  /// begins with the other.
  public static func nearest(to name: String, among candidates: [String]) -> String? {
    guard let best = ranked(candidates, near: name).first else { return nil }
    if distance(name, best) <= max(1, max(name.count, best.count) / 3) { return best }
    let prefixed = candidates.filter {
      min($0.count, name.count) >= 3 && ($0.hasPrefix(name) || name.hasPrefix($0))
    }
    return prefixed.first
  }

  private static func folded(_ name: String) -> [Character] {
    // Names are short; whoever passes a whole file as a key should not pay for its square.
    name.lowercased().prefix(200).map { $0 == "-" ? "_" : $0 }
  }
}
