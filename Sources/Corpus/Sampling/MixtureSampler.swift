import Failures

/// The source of global batches: domains drawn from the mixture's weights, windows from each domain's cursor.
///
/// Slot s of step t draws its domain from (seed, stream, t, s) alone; cursors advance in slot order. Ranks do not
/// appear: every rank draws the whole batch and reads its own slots, so any number of ranks trains on the same windows.
/// A batch depends on seed, step, weights and cursors, never on how they came about. 36 bytes per domain.
///
/// ```swift
/// var sampler = MixtureSampler(windowCounts: counts, seed: 1)
/// try sampler.setWeights(mixture.sampledWeights.values) { corpus.domains[$0].name }
/// sampler.draw(step: step, into: &windows)
/// ```
public struct MixtureSampler: Sendable {
  private var windows: DomainSampler
  private var table: AliasTable?
  private let random: Philox
  private let stream: SampleStream

  /// Creates a sampler at the start of every domain, still without weights.
  ///
  /// - Precondition: counts are not negative.
  public init(windowCounts: [Int], seed: UInt64, stream: SampleStream = .training) {
    windows = DomainSampler(windowCounts: windowCounts, seed: seed, stream: stream)
    random = Philox(seed: seed)
    self.stream = stream
  }

  /// The number of windows of each domain, (domains).
  public var windowCounts: [Int] { windows.windowCounts }
  /// The number of windows drawn so far from each domain, (domains): with the weights, the state for a checkpoint.
  public var cursors: [Int] { windows.cursors }
  /// As ``DomainSampler/orders``.
  public var orders: [Int]? { windows.orders }
  /// The number of times that all windows of a domain have been drawn.
  public func completedEpochs(of domain: Int) -> Int { windows.completedEpochs(of: domain) }

  /// Goes on from a checkpoint.
  ///
  /// - Parameter orders: As ``DomainSampler/orders``.
  /// - Throws: `Failure(.badData)` if there is not one cursor per domain, or one is negative.
  public mutating func restore(cursors: [Int], orders: [Int]? = nil) throws(Failure) {
    try windows.restore(cursors: cursors, orders: orders)
  }

  /// Sets the weights that the next steps draw domains from.
  ///
  /// - Parameter name: gives the name of a domain by its index, for errors.
  /// - Precondition: one finite weight a domain, none negative, their sum positive.
  /// - Throws: `Failure(.badData)` if a domain without windows has weight; it says which.
  /// - Complexity: O(domains).
  public mutating func setWeights(_ weights: [Double], name: (Int) -> String) throws(Failure) {
    precondition(weights.count == windowCounts.count, "there is one weight a domain")
    let empty = weights.indices.filter { weights[$0] > 0 && windowCounts[$0] == 0 }
    guard empty.isEmpty else {
      let more = empty.count > 5 ? " and \(empty.count - 5) more" : ""
      let names = empty.prefix(5).map(name).joined(separator: ", ") + more
      throw Failure(
        .badData,
        """
        Too few tokens for a single window of context + 1 tokens, so there is nothing to sample: \(names). \
        Shorten the context, raise the token limit, or leave \(empty.count == 1 ? "this domain" : "these domains") out.
        """)
    }
    table = AliasTable(weights: weights)
  }

  /// Draws the global batch of a step in slot order, as many windows as fit, without allocating.
  ///
  /// - Precondition: weights have been set; `step` is not negative.
  public mutating func draw(step: Int, into batch: inout MutableSpan<Window>) {
    guard let table else { preconditionFailure("weights are set before the first draw") }
    for slot in batch.indices {
      batch[slot] = windows.next(table.draw(random.pair(slot, step, stream: stream.domains)))
    }
  }

  /// Fills `batch` with what ``draw(step:into:)`` would, and takes nothing from the domains.
  public mutating func peek(step: Int, into batch: inout MutableSpan<Window>) {
    draw(step: step, into: &batch)
    for slot in batch.indices { windows.putBack(Int(batch[slot].domain)) }
  }

  /// Draws the global batch of a step into a new array.
  ///
  /// - Precondition: weights have been set; `step` is not negative.
  public mutating func draw(step: Int, count: Int) -> [Window] {
    var batch = [Window](repeating: Window(), count: count)
    var span = batch.mutableSpan
    draw(step: step, into: &span)
    return batch
  }
}
