import Configuration

/// The global batch as configured, and its division into micro-batches and ranks.
public struct BatchSettings {
  private let section: Section
  private let sequences: Int?
  private let tokens: Int?
  private let micro: Int?

  init(_ section: Section) throws {
    self.section = section
    if section.isOverridden("tokens") { section.setAside("sequences") }
    if section.isOverridden("sequences") { section.setAside("tokens") }
    // Known even where it has no use: next to `tokens` it is too much, not misspelt.
    _ = section.contains("sequences")
    tokens = section.contains("tokens") ? try section.integer("tokens", in: 1...Int.max) : nil
    sequences = tokens == nil ? try section.integer("sequences", default: 32, in: 1...Int.max) : nil
    micro = section.contains("micro") ? try section.integer("micro", in: 1...Int.max) : nil
  }

  /// The most sequences in a micro-batch that nobody asked for: more no longer makes matrix products faster.
  private static let largestDefaultMicro = 8

  /// Divides the batch among `ranks` ranks for sequences of `length` tokens.
  ///
  /// - Throws: `Failure(.badConfiguration)` that lists the divisions which are possible.
  package func divided(among ranks: Int, length: Int) throws -> BatchPlan {
    let total: Int
    if let tokens {
      guard tokens % length == 0 else {
        let below = tokens / length * length
        throw section.failure(
          "tokens",
          "\(tokens) tokens are no whole number of sequences of \(length); the nearest are \(below) and \(below + length)"
        )
      }
      total = tokens / length
    } else {
      total = sequences ?? 0
    }
    guard total % ranks == 0 else {
      let possible = (1...total).filter { total % $0 == 0 }.map(String.init).joined(separator: ", ")
      throw section.failure(
        tokens == nil ? "sequences" : "tokens",
        "\(total) sequences cannot be shared evenly by \(ranks) ranks; with this batch the number of ranks can be \(possible), "
          + "or make the batch a multiple of \(ranks)")
    }
    let share = total / ranks
    let size = micro ?? (1...min(share, Self.largestDefaultMicro)).last { share % $0 == 0 } ?? 1
    guard share % size == 0 else {
      let possible = (1...share).filter { share % $0 == 0 }.map(String.init).joined(separator: ", ")
      throw section.failure(
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
