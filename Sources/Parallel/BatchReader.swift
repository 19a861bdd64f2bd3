import Corpus
import Kernels
import Transformer

/// A reader of windows into one buffer of token ids, as micro-batches want them: T + 1 ids a window, one after the
/// other.
package struct BatchReader {
  private let length: Int
  private var ids: [Int32]
  private var filled = 0

  /// Makes room for `capacity` windows of `length` + 1 ids.
  package init(length: Int, capacity: Int) {
    self.length = length
    ids = [Int32](repeating: 0, count: capacity * (length + 1))
  }

  /// The windows that were read since the last ``clear()``.
  package var windows: Span<Int32> {
    @_lifetime(borrow self) get { ids.span.extracting(first: filled * (length + 1)) }
  }

  /// The number of windows that were read.
  package var count: Int { filled }

  /// Forgets what was read.
  package mutating func clear() { filled = 0 }

  /// Appends a window.
  ///
  /// - Throws: `Failure(.badData)` that names file and place if a token id is outside the vocabulary.
  /// - Precondition: there is room.
  package mutating func append(_ window: Window, from source: WindowSource) throws {
    let (length, place) = (length, filled * (length + 1))
    var span = ids.mutableSpan
    try source.copy(window, length: length, into: &span, at: place)
    filled += 1
  }
}

extension GPT2 {
  /// Runs the windows of a reader forward; see ``GPT2/forward(_:parameters:needing:)``.
  mutating func forward(
    _ batch: BatchReader, parameters: Matrix, needing: (Range<Int>) throws -> Void
  ) rethrows {
    try forward(batch.windows, parameters: parameters, needing: needing)
  }

  /// Computes the loss of every token in the windows of a reader.
  mutating func evaluate(_ batch: BatchReader, parameters: Matrix) { evaluate(batch.windows, parameters: parameters) }
}
