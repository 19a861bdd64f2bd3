import Failures

/// A place in the corpus to read a training sequence from: window `index` of T = context tokens is
/// `[index T, index T + T]`.
public struct Window: Hashable, Sendable, BitwiseCopyable {
  /// The index of the domain.
  public var domain: Int32
  /// The number of the window within the domain.
  public var index: Int

  /// Creates a window.
  public init(domain: Int32 = 0, index: Int = 0) {
    self.domain = domain
    self.index = index
  }
}

/// Computes how many windows of `context + 1` tokens a slice has, of its first `limit` tokens if there is a limit.
///
/// Windows overlap by one token, the last one's target: `(n - 1) / context`, rounded down.
///
/// - Precondition: `tokens` is not negative, `context` and `limit` are positive.
public func windowCount(tokens: Int, context: Int, limit: Int? = nil) -> Int {
  precondition(tokens >= 0 && context > 0 && limit ?? 1 > 0)
  return max(0, min(tokens, limit ?? tokens) - 1) / context
}

/// The source of each domain's next windows: every window once in an order of its own before any is repeated.
///
/// A domain's cursor counts the windows drawn from it. Cursor and number of windows give the epoch; seed, stream,
/// domain and epoch give the order. So the cursors are the whole state, and two streams of a seed read in unrelated
/// orders.
///
/// ```swift
/// var probes = DomainSampler(windowCounts: counts, seed: 1, stream: .probing)
/// probes.draw(domain: 3, into: &windows)
/// ```
public struct DomainSampler: Sendable {
  /// The number of windows of each domain, (domains).
  public let windowCounts: [Int]
  /// The number of windows drawn so far from each domain, (domains): the state for a checkpoint.
  public private(set) var cursors: [Int]
  /// The number that each domain's order of windows follows from, (domains); nil if that is its index.
  ///
  /// A domain that has another index in another corpus keeps its order by it.
  public private(set) var orders: [Int]?

  private let random: Philox
  private let stream: SampleStream

  /// Creates a sampler at the start of every domain's first epoch.
  ///
  /// - Parameter orders: As ``orders``.
  /// - Precondition: counts are not negative.
  public init(windowCounts: [Int], orders: [Int]? = nil, seed: UInt64, stream: SampleStream) {
    precondition(windowCounts.allSatisfy { $0 >= 0 }, "counts are not negative")
    self.windowCounts = windowCounts
    self.orders = orders
    cursors = [Int](repeating: 0, count: windowCounts.count)
    random = Philox(seed: seed)
    self.stream = stream
  }

  /// Goes on from a checkpoint.
  ///
  /// - Parameter orders: As ``orders``.
  /// - Throws: `Failure(.badData)` if there is not one cursor per domain, or one is negative.
  public mutating func restore(cursors: [Int], orders: [Int]? = nil) throws(Failure) {
    for count in [cursors.count, orders?.count ?? cursors.count] where count != windowCounts.count {
      throw Failure(
        .badData,
        "The sampler's state has \(count) domains, but the corpus has \(windowCounts.count): not the same corpus."
      )
    }
    if let domain = cursors.firstIndex(where: { $0 < 0 }) {
      throw Failure(.badData, "The sampler's state has the negative cursor \(cursors[domain]) for domain \(domain).")
    }
    guard orders?.allSatisfy({ (0...Int(Int32.max)).contains($0) }) ?? true else {
      throw Failure(.badData, "The sampler's state has an order that is none.")
    }
    (self.cursors, self.orders) = (cursors, orders)
  }

  /// The number of times that all windows of a domain have been drawn.
  public func completedEpochs(of domain: Int) -> Int {
    windowCounts[domain] > 0 ? cursors[domain] / windowCounts[domain] : 0
  }

  /// Draws a domain's next windows, as many as fit.
  ///
  /// - Precondition: the domain has windows.
  public mutating func draw(domain: Int, into windows: inout MutableSpan<Window>) {
    for slot in windows.indices { windows[slot] = next(domain) }
  }

  /// Draws a domain's next `count` windows into a new array.
  ///
  /// - Precondition: the domain has windows.
  public mutating func draw(domain: Int, count: Int) -> [Window] {
    (0..<count).map { _ in next(domain) }
  }

  /// Makes the window that was drawn last from a domain its next one.
  mutating func putBack(_ domain: Int) { cursors[domain] -= 1 }

  /// Draws a domain's next window and advances its cursor.
  mutating func next(_ domain: Int) -> Window {
    precondition(windowCounts[domain] > 0, "a domain without windows cannot be drawn from")
    let (epoch, position) = cursors[domain].quotientAndRemainder(dividingBy: windowCounts[domain])
    cursors[domain] += 1
    let key = random.pair(orders?[domain] ?? domain, epoch, stream: stream.permutations)
    return Window(
      domain: Int32(domain), index: KeyedPermutation(count: windowCounts[domain], key: key)[position])
  }
}
