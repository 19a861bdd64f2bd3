/// What is wrong with a state that was read from a file: where, and what is the matter.
public struct StateFault: Error, Equatable, Sendable {
  /// The key in the state.
  public let key: String
  /// What is wrong with it, as the end of a sentence.
  public let problem: String

  /// Creates a fault.
  public init(_ key: String, _ problem: String) { (self.key, self.problem) = (key, problem) }
}

/// Checks the lengths of arrays by their keys.
///
/// - Throws: `StateFault` for the first array with another length.
func check(_ counts: KeyValuePairs<String, Int>, are expected: Int) throws(StateFault) {
  for (key, count) in counts where count != expected {
    throw StateFault(key, "has \(count) entries where \(expected) are expected")
  }
}

/// Checks that something that was read is so.
///
/// - Throws: `StateFault` if it is not.
func check(_ key: String, _ isSo: Bool, _ problem: @autoclosure () -> String) throws(StateFault) {
  if !isSo { throw StateFault(key, problem()) }
}

extension ScoreMemory {
  /// Checks what was read from a file.
  func check(domains: Int) throws(StateFault) {
    try Mixing.check(
      [
        "memory.weights": weights.count, "memory.squaredWeights": squaredWeights.count, "memory.sums": sums.count,
        "memory.squares": squares.count, "memory.values": values.count, "memory.ages": ages.count,
      ], are: domains)
    try Mixing.check("memory.ages", ages.allSatisfy { $0 >= -1 }, "has an age below -1")
    for (key, values) in [("weights", weights), ("squaredWeights", squaredWeights), ("squares", squares)] {
      try Mixing.check("memory.\(key)", values.allSatisfy { $0 >= 0 }, "has a negative number")
    }
  }
}

extension DomainMeans {
  /// Checks what was read from a file under a key.
  func check(_ key: String, domains: Int) throws(StateFault) {
    try Mixing.check(
      ["\(key).sums": sums.count, "\(key).counts": counts.count, "\(key).isBroken": isBroken.count], are: domains)
    try Mixing.check("\(key).counts", counts.allSatisfy { $0 >= 0 }, "has a negative count")
  }
}
