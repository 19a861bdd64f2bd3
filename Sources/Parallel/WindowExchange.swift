import Corpus
import MPI

/// Windows of text that lies in shards on several ranks: asked for, sent by those who have it, and kept by those who
/// read it.
///
/// There are no requests. Every rank knows all windows, who reads them and who has their text, and so what it has to
/// send and to receive. A window that lies across a border of shards comes in pieces. Windows that were asked for
/// travel while those that have arrived are read.
package final class WindowExchange {
  /// What windows are for; exchanges for different purposes can be on their way at the same time.
  package enum Purpose: Int {
    // Tags of messages, beyond the numbers of buckets.
    case training = 16_384, measuring
  }

  /// Windows that all ranks together read, and the tokens of this rank's own.
  private struct Store {
    var windows: [Window] = []
    /// The rank that reads each window, (windows).
    var readers: [Int32] = []
    var own: [Window] = []
    /// (own windows, length + 1).
    var tokens: [Int32] = []

    /// Whether it is of these windows with these readers; all ranks agree on that.
    func holds(_ windows: ArraySlice<Window>, _ reader: (Int) -> Int) -> Bool {
      guard self.windows.count == windows.count else { return false }
      for (place, index) in windows.indices.enumerated() {
        guard self.windows[place] == windows[index], Int(readers[place]) == reader(index) else { return false }
      }
      return true
    }
  }

  private let domains: DomainTable
  private let text: TokenSlice
  private let holders: ShardHolders
  private let length: Int
  private let purpose: Purpose
  private var arrived = Store(), coming = Store()
  private var isOnItsWay = false
  /// What this rank sends.
  private var sent: [Int32] = []
  private var requests = RequestGroup()
  /// The own window that was read last.
  private var last = -1

  /// Prepares for windows of `length` + 1 tokens.
  package init(_ domains: DomainTable, _ holders: ShardHolders, length: Int, for purpose: Purpose) {
    self.domains = domains
    text = domains.allTrain
    self.holders = holders
    self.length = length
    self.purpose = purpose
  }

  /// Waits for what is on its way, while the memory is there that MPI reads and writes.
  deinit { try? requests.waitAll() }

  /// Starts to bring windows to the ranks that read them; those that have arrived can still be read.
  ///
  /// Collective: every rank calls, with the same windows.
  ///
  /// - Parameter reader: The rank that reads a window, by its index among `windows`.
  /// - Throws: `Failure` of a rank whose text is damaged; `MPIError`.
  func ask(for windows: ArraySlice<Window>, over world: borrowing Communicator, reader: (Int) -> Int) throws {
    // What nobody has waited for, such as windows of a step that was not made.
    try requests.waitAll()
    coming.windows.replaceAll(with: windows)
    coming.readers.removeAll(keepingCapacity: true)
    coming.own.removeAll(keepingCapacity: true)
    var sending = 0
    for index in windows.indices {
      let reader = reader(index)
      coming.readers.append(Int32(reader))
      if reader == world.rank {
        coming.own.append(windows[index])
      } else if !domains.isTarget(Int(windows[index].domain)) {
        for piece in pieces(of: windows[index]) where holders.holder(of: piece.shard, for: reader) == world.rank {
          sending += piece.tokens.count
        }
      }
    }
    coming.tokens.grow(to: coming.own.count * (length + 1))
    sent.grow(to: sending)
    var (own, filled) = (0, 0)
    for index in windows.indices {
      let reader = reader(index)
      try send(windows[index], to: reader, own: own, &filled, over: world)
      if reader == world.rank { own += 1 }
    }
    isOnItsWay = true
  }

  /// Brings windows to the ranks that read them, unless they are there; if they are on their way, waits for them.
  ///
  /// Collective: every rank calls, with the same windows.
  ///
  /// - Parameter reader: The rank that reads a window, by its index among `windows`.
  /// - Throws: `Failure` of a rank whose text is damaged; `MPIError`.
  func bring(_ windows: ArraySlice<Window>, over world: borrowing Communicator, reader: (Int) -> Int) throws {
    if arrived.holds(windows, reader) { return }
    if !isOnItsWay || !coming.holds(windows, reader) { try ask(for: windows, over: world, reader: reader) }
    try requests.waitAll()
    swap(&arrived, &coming)
    (isOnItsWay, last) = (false, -1)
  }

  /// Copies the tokens of a window that has arrived into a span from a place on.
  ///
  /// - Precondition: the window was brought to this rank last.
  func copy(_ window: Window, into tokens: inout MutableSpan<Int32>, at place: Int) {
    // Windows are read in the order in which they came, nearly always.
    for step in 1...max(1, arrived.own.count) {
      let index = (last + step) % max(1, arrived.own.count)
      guard arrived.own.indices.contains(index), arrived.own[index] == window else { continue }
      last = index
      for offset in 0...length { tokens[place + offset] = arrived.tokens[index * (length + 1) + offset] }
      return
    }
    preconditionFailure("window \(window.index) of domain \(window.domain) was not brought")
  }

  /// Sends, receives or copies the pieces of a window, as far as they are this rank's matter.
  ///
  /// - Parameters:
  ///   - own: The window's place among this rank's own, if it is one.
  ///   - filled: How much of ``sent`` is taken.
  private func send(
    _ window: Window, to reader: Int, own: Int, _ filled: inout Int, over world: borrowing Communicator
  ) throws {
    if domains.isTarget(Int(window.domain)) {
      guard reader == world.rank else { return }
      let first = window.index * length
      return try domains.train(Int(window.domain)).copy(
        first..<first + length + 1, into: &coming.tokens, at: own * (length + 1))
    }
    for (shard, piece, offset) in pieces(of: window) {
      let holder = holders.holder(of: shard, for: reader)
      let place = own * (length + 1) + offset
      switch (holder == world.rank, reader == world.rank) {
      case (true, true): try text.copy(piece, into: &coming.tokens, at: place)
      case (true, false):
        try text.copy(piece, into: &sent, at: filled)
        let part = filled..<filled + piece.count
        try world.startSend(part, of: sent, to: reader, tag: purpose.rawValue, in: &requests)
        filled += piece.count
      case (false, true):
        let part = place..<place + piece.count
        try world.startReceive(part, of: &coming.tokens, from: holder, tag: purpose.rawValue, in: &requests)
      case (false, false): break
      }
    }
  }

  private func pieces(of window: Window) -> Pieces {
    let first = domains.firstTrainToken(Int(window.domain)) + window.index * length
    return Pieces(holders.tokenEnds, first: first, end: first + length + 1, shard: holders.shard(of: first))
  }
}

/// The pieces of a window that lie in different shards: where they are in the text, and in the window.
private struct Pieces: Sequence, IteratorProtocol {
  private let tokenEnds: [Int]
  private let first, end: Int
  private var reached, shard: Int

  init(_ tokenEnds: [Int], first: Int, end: Int, shard: Int) {
    (self.tokenEnds, self.first, self.end, self.shard, reached) = (tokenEnds, first, end, shard, first)
  }

  mutating func next() -> (shard: Int, tokens: Range<Int>, offset: Int)? {
    guard reached < end else { return nil }
    let tokens = reached..<Swift.min(end, tokenEnds[shard])
    defer { (reached, shard) = (tokens.upperBound, shard + 1) }
    return (shard, tokens, tokens.lowerBound - first)
  }
}

extension [Window] {
  fileprivate mutating func replaceAll(with windows: ArraySlice<Window>) {
    removeAll(keepingCapacity: true)
    append(contentsOf: windows)
  }
}

extension [Int32] {
  fileprivate mutating func grow(to count: Int) {
    if self.count < count { self = [Int32](repeating: 0, count: count) }
  }
}

extension TokenSlice {
  fileprivate func copy(_ range: Range<Int>, into tokens: inout [Int32], at place: Int) throws {
    var span = tokens.mutableSpan
    try copy(range, into: &span, at: place)
  }
}

extension Communicator {
  fileprivate func startSend(
    _ part: Range<Int>, of tokens: [Int32], to rank: Int, tag: Int, in group: inout RequestGroup
  ) throws {
    try startSend(part, of: tokens.span, to: rank, tag: tag, in: &group)
  }

  fileprivate func startReceive(
    _ part: Range<Int>, of tokens: inout [Int32], from rank: Int, tag: Int, in group: inout RequestGroup
  ) throws {
    var span = tokens.mutableSpan
    try startReceive(part, of: &span, from: rank, tag: tag, in: &group)
  }
}
