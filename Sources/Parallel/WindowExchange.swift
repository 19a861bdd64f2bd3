import Corpus
import MPI

/// Windows of text that lies in shards on several ranks: asked for, sent by those who have it, and kept by those who
/// read it.
///
/// There are no requests. Every rank knows all windows, who reads them and who has their text, and so what it has to
/// send and to receive. A window that lies across a border of shards comes in pieces. Windows that were asked for
/// travel while those that have arrived are read.
package struct WindowExchange: ~Copyable {
  /// What windows are for; exchanges for different purposes can be on their way at the same time.
  package enum Purpose: Int {
    // Tags of messages, beyond the numbers of buckets.
    case training = 16_384, measuring
  }

  /// Windows that all ranks together read, and the tokens of this rank's own.
  private struct Store {
    var windows: [Window] = []
    /// Which windows are this rank's own, (windows).
    var isOwn: [Bool] = []
    var own: [Window] = []
    /// (own windows, length + 1).
    var tokens: [Int32] = []

    /// Whether it is of these windows, with the same ones for a rank.
    func holds(_ windows: ArraySlice<Window>, of rank: Int, _ reader: (Int) -> Int) -> Bool {
      guard self.windows.count == windows.count else { return false }
      for (place, index) in windows.indices.enumerated() {
        guard self.windows[place] == windows[index], isOwn[place] == (reader(index) == rank) else { return false }
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

  /// Starts to bring windows to the ranks that read them; those that have arrived can still be read.
  ///
  /// Collective: every rank calls, with the same windows.
  ///
  /// - Parameter reader: The rank that reads a window, by its index among `windows`.
  /// - Throws: `Failure` of a rank whose text is damaged; `MPIError`.
  mutating func ask(for windows: ArraySlice<Window>, over world: borrowing Communicator, reader: (Int) -> Int) throws {
    // What nobody has waited for, such as windows of a step that was not made.
    try requests.waitAll()
    coming.windows.replaceAll(with: windows)
    coming.isOwn.removeAll(keepingCapacity: true)
    coming.own.removeAll(keepingCapacity: true)
    for index in windows.indices {
      let isOwn = reader(index) == world.rank
      coming.isOwn.append(isOwn)
      if isOwn { coming.own.append(windows[index]) }
    }
    coming.tokens.grow(to: coming.own.count * (length + 1))
    sent.grow(to: (windows.count - coming.own.count) * (length + 1))
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
  mutating func bring(_ windows: ArraySlice<Window>, over world: borrowing Communicator, reader: (Int) -> Int) throws {
    let rank = world.rank
    if arrived.holds(windows, of: rank, reader) { return }
    if !isOnItsWay || !coming.holds(windows, of: rank, reader) { try ask(for: windows, over: world, reader: reader) }
    try requests.waitAll()
    swap(&arrived, &coming)
    (isOnItsWay, last) = (false, -1)
  }

  /// Copies the tokens of a window that has arrived into a span from a place on.
  ///
  /// - Precondition: the window was brought to this rank last.
  mutating func copy(_ window: Window, into tokens: inout MutableSpan<Int32>, at place: Int) {
    // Windows are read in the order in which they came, nearly always.
    for step in 1...max(1, arrived.own.count) {
      let index = (last + step) % max(1, arrived.own.count)
      guard arrived.own.indices.contains(index), arrived.own[index] == window else { continue }
      last = index
      let source = arrived.tokens.span.extracting(index * (length + 1)..<(index + 1) * (length + 1))
      for offset in source.indices { tokens[place + offset] = source[offset] }
      return
    }
    preconditionFailure("window \(window.index) of domain \(window.domain) was not brought")
  }

  /// Sends, receives or copies the pieces of a window, as far as they are this rank's matter.
  ///
  /// - Parameters:
  ///   - own: The window's place among this rank's own, if it is one.
  ///   - filled: How much of ``sent`` is taken.
  private mutating func send(
    _ window: Window, to reader: Int, own: Int, _ filled: inout Int, over world: borrowing Communicator
  ) throws {
    let first = domains.firstTrainToken(Int(window.domain)) + window.index * length
    let end = first + length + 1
    var (next, shard) = (first, holders.shard(of: first))
    while next < end {
      let piece = next..<min(end, holders.tokenEnds[shard])
      let holder = holders.holder(of: shard, for: reader)
      let place = own * (length + 1) + piece.lowerBound - first
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
      next = piece.upperBound
      shard += 1
    }
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
