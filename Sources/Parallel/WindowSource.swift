import Corpus
import MPI

/// What windows are read from: they are brought to the ranks that read them, all ranks together, and then read.
package enum WindowSource {
  /// Text that every rank has, where nothing has to be brought.
  case mapped(TokenSlices)
  /// Text that lies on several ranks.
  case exchanged(WindowExchange)

  /// Whether text travels between ranks.
  package var isExchanged: Bool {
    if case .exchanged = self { true } else { false }
  }

  /// Brings windows to the ranks that read them, in the place of those that were brought before; does nothing if they
  /// are there.
  ///
  /// Collective: every rank calls, with the same windows.
  ///
  /// - Parameter reader: The rank that reads a window, by its index among `windows`.
  /// - Throws: `Failure` of a rank whose text is damaged; `MPIError`.
  package func bring(
    _ windows: ArraySlice<Window>, over world: borrowing Communicator, reader: (Int) -> Int
  ) throws {
    guard case .exchanged(let exchange) = self else { return }
    try exchange.bring(windows, over: world, reader: reader)
  }

  /// Starts to bring windows that will be wanted next; those that were brought can still be read.
  ///
  /// Collective: every rank calls, with the same windows.
  ///
  /// - Parameter reader: The rank that will read a window, by its index among `windows`.
  /// - Throws: `Failure` of a rank whose text is damaged; `MPIError`.
  package func ask(
    for windows: ArraySlice<Window>, over world: borrowing Communicator, reader: (Int) -> Int
  ) throws {
    guard case .exchanged(let exchange) = self else { return }
    try exchange.ask(for: windows, over: world, reader: reader)
  }

  /// Deals consecutive parts of windows to the ranks in turn, and brings each rank the windows of its parts.
  ///
  /// Collective: every rank calls, with the same windows and parts.
  ///
  /// - Parameter body: Reads a part of this rank's.
  /// - Throws: What the body throws; `Failure` of a rank whose text is damaged; `MPIError`.
  package func deal(
    _ windows: [Window], in parts: [Range<Int>], over world: borrowing Communicator, _ body: (Int) throws -> Void
  ) throws {
    let size = world.size
    func round(_ first: Int) -> (windows: ArraySlice<Window>, reader: (Int) -> Int) {
      let dealt = parts[first..<min(first + size, parts.count)]
      return (
        windows[dealt[dealt.startIndex].lowerBound..<dealt[dealt.endIndex - 1].upperBound],
        { window in (dealt.firstIndex { $0.contains(window) } ?? first) - first }
      )
    }
    for first in stride(from: 0, to: parts.count, by: size) {
      let present = round(first)
      try bring(present.windows, over: world, reader: present.reader)
      if first + size < parts.count {
        let next = round(first + size)
        try ask(for: next.windows, over: world, reader: next.reader)
      }
      if first + world.rank < parts.count { try body(first + world.rank) }
    }
  }

  /// Copies the tokens of a window, `length` + 1 of them, into a span from a place on.
  ///
  /// - Precondition: the window was brought to this rank last.
  /// - Throws: `Failure(.badData)` that names file and place if a token id is outside the vocabulary.
  func copy(_ window: Window, length: Int, into tokens: inout MutableSpan<Int32>, at place: Int) throws {
    switch self {
    case .mapped(let slices):
      let first = window.index * length
      try slices[Int(window.domain)].copy(first..<(first + length + 1), into: &tokens, at: place)
    case .exchanged(let exchange):
      exchange.copy(window, into: &tokens, at: place)
    }
  }
}
