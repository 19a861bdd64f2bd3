import Failures
import Settings

/// The global batch, and its division into micro-batches and ranks.
public struct BatchSettings: Configurable, Sendable {
  /// Sequences of a step, all ranks together.
  public var sequences = 32
  /// Tokens of a step, instead of sequences.
  public var tokens: Int?
  /// Sequences of a micro-batch; nil for at most 8.
  public var micro: Int?
  /// The most sequences of a step.
  static let mostSequences = 1 << 24
  /// Where the keys stand, for failures that show later.
  private var places = ["sequences": "batch.sequences", "tokens": "batch.tokens", "micro": "batch.micro"]

  /// Makes the defaults.
  public init() {}

  /// Visits the keys.
  public mutating func visit(_ keys: any KeyVisitor) throws {
    if keys.isOverridden("tokens") { keys.setAside(["sequences"]) }
    if keys.isOverridden("sequences") { keys.setAside(["tokens"]) }
    try keys.integer(
      "tokens", &tokens, in: 1...1 << 48, "tokens per step, all ranks together; given instead of `sequences`")
    if tokens == nil {
      try keys.integer("sequences", &sequences, in: 1...Self.mostSequences, "sequences per step, all ranks together")
    } else {
      // Known even where it has no use: next to `tokens` it is too much, not misspelt.
      _ = keys.isGiven("sequences")
    }
    try keys.integer(
      "micro", &micro, in: 1...Self.mostSequences,
      "sequences per micro-batch; if nothing is said, the largest number up to 8 that divides a rank's share")
    for key in places.keys { places[key] = keys.place(of: key) }
  }

  private func failure(_ key: String, _ message: String) -> Failure {
    Failure(.badConfiguration, "\(places[key] ?? key): \(message)")
  }

  /// The most sequences in a micro-batch that nobody asked for: more no longer makes matrix products faster.
  private static let largestDefaultMicro = 8

  /// Divides the batch among `ranks` ranks for sequences of `length` tokens.
  ///
  /// - Throws: `Failure(.badConfiguration)` that lists the divisions which are possible.
  public func divided(among ranks: Int, length: Int) throws -> BatchPlan {
    let total: Int
    if let tokens {
      guard tokens % length == 0 else {
        let below = tokens / length * length
        let nearest = below == 0 ? "nearest is \(length)" : "nearest are \(below) and \(below + length)"
        throw failure(
          "tokens", "\(tokens) tokens are no whole number of sequences of \(length); the \(nearest)")
      }
      total = tokens / length
      guard total <= Self.mostSequences else {
        throw failure(
          "tokens", "\(tokens) tokens are \(total) sequences, and at most \(Self.mostSequences) are possible")
      }
    } else {
      total = sequences
    }
    guard total % ranks == 0 else {
      let possible = (1...total).filter { total % $0 == 0 }.map(String.init).joined(separator: ", ")
      throw failure(
        tokens == nil ? "sequences" : "tokens",
        "\(total) sequences cannot be shared evenly by \(ranks) ranks; with this batch the number of ranks can be "
          + "\(possible), or make the batch a multiple of \(ranks)")
    }
    let share = total / ranks
    let size = micro ?? (1...min(share, Self.largestDefaultMicro)).last { share % $0 == 0 } ?? 1
    guard share % size == 0 else {
      let possible = (1...share).filter { share % $0 == 0 }.map(String.init).joined(separator: ", ")
      throw failure(
        "micro",
        "each of \(ranks) ranks has \(share) of the \(total) sequences, which micro-batches of \(size) do not divide; "
          + "possible: \(possible)")
    }
    return BatchPlan(sequences: total, micro: size, ranks: ranks)
  }
}

/// A global batch of `sequences`, cut into micro-batches of `micro`, shared evenly by `ranks` ranks.
public struct BatchPlan: Equatable, Sendable {
  /// Sequences a step, all ranks together.
  public let sequences: Int
  /// Sequences in a micro-batch.
  public let micro: Int
  /// The number of ranks.
  public let ranks: Int

  /// Micro-batches a rank and step.
  public var accumulation: Int { sequences / ranks / micro }

  /// The slots of micro-batch `index` of `rank`; ranks own consecutive slots.
  public func slots(rank: Int, microBatch index: Int) -> Range<Int> {
    let first = rank * (sequences / ranks) + index * micro
    return first..<(first + micro)
  }
}
