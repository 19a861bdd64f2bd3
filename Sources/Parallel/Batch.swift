import Corpus
import MPI

/// Sequences that all ranks run forward and backward together, and how they share them.
package struct Batch {
  /// The window of every sequence, all ranks together, (slots).
  package var windows: [Window]
  /// What the windows are read from.
  package let source: WindowSource
  /// Sequences of a micro-batch; the last may have fewer.
  package let micro: Int
  /// The order in which gradients of micro-batches are added.
  package let tree: SummationTree
  /// The factor of every token's loss: 1 / tokens gives the mean.
  package let scale: Float
  /// A further factor for the loss of each sequence, (slots); empty is 1 for all.
  package var factors: [Float] = []
  /// Asked between micro-batches whether this rank leaves out the others, since nobody will use their sum.
  package var isGivenUp: () -> Bool = { false }

  /// Plans a batch.
  ///
  /// - Parameters:
  ///   - micro: Sequences of a micro-batch.
  ///   - groups: Groups of micro-batches, all ranks together.
  ///   - length: Tokens of a sequence.
  package init(windows: [Window], from source: WindowSource, micro: Int, groups: Int, ranks: Int, length: Int) {
    self.windows = windows
    self.source = source
    self.micro = micro
    tree = SummationTree(microBatches: (windows.count + micro - 1) / micro, groups: groups, ranks: ranks)
    scale = 1 / Float(windows.count * length)
  }

  /// The slots of a micro-batch.
  package func slots(ofMicroBatch index: Int) -> Range<Int> {
    index * micro..<min((index + 1) * micro, windows.count)
  }

  /// Brings every rank the windows that it reads, unless they are there.
  ///
  /// Collective: every rank calls, with the same batch.
  ///
  /// - Throws: `Failure` of a rank whose text is damaged; `MPIError`.
  package func bring(over world: borrowing Communicator) throws {
    try source.bring(windows[...], over: world) { tree.rank(ofMicroBatch: $0 / micro) }
  }

  /// Starts to bring the windows of a batch that is shared in the same way.
  ///
  /// Collective: every rank calls, with the same windows.
  ///
  /// - Throws: `Failure` of a rank whose text is damaged; `MPIError`.
  package func ask(for windows: [Window], over world: borrowing Communicator) throws {
    try source.ask(for: windows[...], over: world) { tree.rank(ofMicroBatch: $0 / micro) }
  }

  /// The largest micro-batch, up to `most` sequences, with which all groups of a batch of `sequences` get some if there
  /// are enough.
  package static func micro(_ sequences: Int, groups: Int, most: Int) -> Int {
    min(most, (sequences + groups - 1) / groups)
  }
}
