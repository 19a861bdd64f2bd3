import Corpus
import Kernels
import MPI
import Transformer

/// A reader of windows into one buffer of token ids, as micro-batches want them: T + 1 ids a window, one after the other.
struct BatchReader {
  private let length: Int
  private var ids: [Int32]
  private var filled = 0

  /// Makes room for `capacity` windows of `length` + 1 ids.
  init(length: Int, capacity: Int) {
    self.length = length
    ids = [Int32](repeating: 0, count: capacity * (length + 1))
  }

  /// The windows that were read since the last ``clear()``.
  fileprivate var windows: Span<Int32> {
    @_lifetime(borrow self) get { ids.span.extracting(first: filled * (length + 1)) }
  }

  /// The number of windows that were read.
  var count: Int { filled }

  /// Forgets what was read.
  mutating func clear() { filled = 0 }

  /// Appends window `index` of `slice`.
  ///
  /// - Throws: `Failure(.badData)` that names file and place if a token id is outside the vocabulary.
  /// - Precondition: there is room.
  mutating func append(_ index: Int, of slice: TokenSlice) throws {
    let first = index * length
    let place = filled * (length + 1)
    let range = first..<(first + length + 1)
    var span = ids.mutableSpan
    try slice.copy(range, into: &span, at: place)
    filled += 1
  }
}

extension GPT2 {
  /// Runs the windows of a reader forward.
  mutating func forward(_ batch: BatchReader, parameters: borrowing Arena) {
    forward(batch.windows, parameters: parameters)
  }

  /// The same with parameters of which some are still on their way: each part is waited for before it is read.
  ///
  /// - Returns: The seconds of waiting.
  /// - Throws: `MPIError`.
  mutating func forward(
    _ batch: BatchReader, parameters: inout Arena, gathering gather: inout ParameterGather,
    over world: borrowing Communicator
  ) throws -> Double {
    let clock = ContinuousClock()
    var waiting = Duration.zero
    try forward(batch.windows, parameters: parameters.row) { part in
      let start = clock.now
      try gather.wait(below: part.upperBound, &parameters, over: world)
      waiting += start.duration(to: clock.now)
    }
    return waiting / .seconds(1)
  }

  /// Computes the loss of every token in the windows of a reader.
  mutating func evaluate(_ batch: BatchReader, parameters: borrowing Arena) {
    evaluate(batch.windows, parameters: parameters)
  }
}
