import MPI

/// What a pass over a batch learns besides gradients: each rank fills in its own entries, and the sum over ranks only
/// moves them.
package struct PassRecord {
  /// The summed loss of every micro-batch, then the mean loss of every sequence, then the caller's own numbers.
  private var table: [Double]
  private let microBatches: Int
  private let sequences: Int
  private let tokens: Int
  /// Scores of every sequence along each direction: the derivatives of its mean loss, (directions, slots).
  private var scores: [Double]

  /// Makes room for the figures of a batch.
  ///
  /// - Parameters:
  ///   - directions: The most directions that sequences are scored along.
  ///   - extras: Numbers of the caller that are summed over ranks in the same message.
  package init(_ batch: Batch, length: Int, directions: Int = 0, extras: Int = 0) {
    microBatches = batch.tree.microBatches
    sequences = batch.windows.count
    tokens = sequences * length
    table = [Double](repeating: 0, count: microBatches + sequences + extras)
    scores = [Double](repeating: 0, count: directions * sequences)
  }

  /// The mean loss of all tokens, in nats; added in the order of the batch, whoever computed what.
  package var loss: Double {
    var sum = 0.0
    for microBatch in 0..<microBatches { sum += table[microBatch] }
    return sum / Double(tokens)
  }

  /// The mean loss of a sequence, in nats per token.
  package func loss(ofSlot slot: Int) -> Double { table[microBatches + slot] }

  /// One of the caller's own numbers.
  package subscript(extra index: Int) -> Double {
    get { table[microBatches + sequences + index] }
    set { table[microBatches + sequences + index] = newValue }
  }

  /// The scores along a direction, (slots).
  package func scores(along direction: Int) -> ArraySlice<Double> {
    scores[direction * sequences..<(direction + 1) * sequences]
  }

  mutating func clear() {
    for index in table.indices { table[index] = 0 }
    for index in scores.indices { scores[index] = 0 }
  }

  mutating func set(loss: Double, ofMicroBatch index: Int) { table[index] = loss }
  mutating func set(loss: Double, ofSlot slot: Int) { table[microBatches + slot] = loss }
  mutating func set(score: Double, ofSlot slot: Int, along direction: Int) {
    scores[direction * sequences + slot] = score
  }

  /// Brings losses and the caller's numbers of all ranks together.
  ///
  /// Collective: every rank calls.
  ///
  /// - Throws: `MPIError`.
  package mutating func sumLosses(over world: borrowing Communicator) throws {
    var span = table.mutableSpan
    try world.allReduce(&span, .sum)
  }

  /// Brings scores of all ranks together.
  ///
  /// Collective: every rank calls.
  ///
  /// - Throws: `MPIError`.
  package mutating func sumScores(over world: borrowing Communicator) throws {
    var span = scores.mutableSpan
    try world.allReduce(&span, .sum)
  }
}
