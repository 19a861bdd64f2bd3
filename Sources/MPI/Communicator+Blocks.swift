extension Communicator {
  /// Returns the part of `count` elements that belongs to a rank: consecutive blocks, as even as possible.
  ///
  /// The first `count % size` blocks have one element more than the others. This is the layout of `reduceScatter` and
  /// `allGather`.
  public func block(of count: Int, rank: Int) -> Range<Int> {
    let (length, longer) = count.quotientAndRemainder(dividingBy: size)
    let start = rank * length + min(rank, longer)
    return start..<start + length + (rank < longer ? 1 : 0)
  }

  /// Cuts `0..<count` into the consecutive ranges that travel in one call each.
  func chunks(of count: Int) -> Chunks { Chunks(count: count, limit: elementsPerCall) }

  /// Returns how many elements of `chunk` belong to each rank, when a buffer of `count` elements is cut into blocks.
  ///
  /// A chunk is contiguous and blocks are in the order of ranks, so its elements lie one rank after the other too: a
  /// chunk is a smaller reduce-scatter or all-gather by itself.
  func shares(of chunk: Range<Int>, in count: Int) -> [CInt] {
    (0..<size).map { rank in CInt(block(of: count, rank: rank).clamped(to: chunk).count) }
  }
}

/// Consecutive ranges of at most `limit` elements that cover `0..<count`: a sequence that takes nothing from the heap.
struct Chunks: Sequence, IteratorProtocol {
  let count, limit: Int
  private var start = 0

  init(count: Int, limit: Int) {
    self.count = count
    self.limit = limit
  }

  mutating func next() -> Range<Int>? {
    guard start < count else { return nil }
    defer { start = Swift.min(start + limit, count) }
    return start..<Swift.min(start + limit, count)
  }
}
