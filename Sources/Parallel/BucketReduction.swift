import Kernels
import MPI

/// The reduction of one bucket of gradients over all ranks: each is left with the sum in its own part.
///
/// For a power of two of ranks it is a reduce-scatter by recursive halving (Thakur, Rabenseifner, Gropp, 2005), nearest
/// ranks first: in round d = 1, 2, 4, ... a rank gives half of what it holds to rank ^ d and adds what it gets to the
/// half it keeps. So a rank sends (R - 1) / R of the bucket in all, and sums are balanced trees in the order of ranks:
///
///     ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
///
/// For other numbers of ranks MPI reduces, in an order of its own.
struct BucketReduction: BucketExchange, ~Copyable {
  private let shards: Shards
  /// What is received.
  private var scratch: Arena
  private var requests = RequestGroup()
  /// The index of the bucket, which also tells its messages from those of the other bucket on its way.
  private var bucket = 0
  /// What this rank keeps of the bucket in the present round.
  private var kept = 0..<0
  /// The d of the present round; the number of ranks when there is none.
  private var distance: Int

  /// Allocates room for the messages of any bucket, unless there will be none.
  init(_ shards: Shards, isUsed: Bool) {
    self.shards = shards
    scratch = Arena(count: isUsed ? Self.scratchCount(shards) : 0)
    distance = shards.ranks
  }

  /// The most floats that are received at once.
  static func scratchCount(_ shards: Shards) -> Int {
    guard shards.ranks > 1 else { return 0 }
    return shards.buckets.map { bucket in
      shards.isTree ? Shards.halves(of: bucket).lower.count : shards.part(of: bucket, rank: 0).count
    }.max()!
  }

  /// Starts with a bucket, by its index: buckets travel in their order.
  ///
  /// - Parameter gradients: An arena that begins with one of the layout.
  mutating func start(_ bucket: Int, of gradients: inout Arena, over world: borrowing Communicator) throws {
    self.bucket = bucket
    distance = 1
    kept = shards.buckets[bucket]
    if shards.isTree { return try startRound(&gradients, over: world) }

    let (shards, whole) = (shards, kept)
    kept = shards.own[bucket]
    try world.startReduceScatter(whole, of: gradients, into: &scratch, in: &requests) {
      shards.part(of: whole, rank: $0)
    }
  }

  mutating func advance(_ gradients: inout Arena, over world: borrowing Communicator) throws -> Bool {
    while distance < shards.ranks {
      guard try requests.test() else { return false }
      try finishRound(&gradients, over: world)
    }
    return true
  }

  mutating func settle() throws { try requests.waitAll() }

  /// Starts the messages of a round of halving, if there is one more.
  private mutating func startRound(_ gradients: inout Arena, over world: borrowing Communicator) throws {
    guard distance < shards.ranks else { return }
    let (lower, upper) = Shards.halves(of: kept)
    let isLower = shards.rank & distance == 0
    let given = isLower ? upper : lower
    kept = isLower ? lower : upper
    let partner = shards.rank ^ distance
    try world.startReceive(0..<kept.count, of: &scratch, from: partner, tag: bucket, in: &requests)
    try world.startSend(given, of: gradients.span, to: partner, tag: bucket, in: &requests)
  }

  /// Puts what has come where it belongs, and starts the next round.
  private mutating func finishRound(_ gradients: inout Arena, over world: borrowing Communicator) throws {
    let received = scratch.matrix(at: 0, rows: 1, columns: kept.count)
    let own = gradients.matrix(at: kept.lowerBound, rows: 1, columns: kept.count)
    guard shards.isTree else {
      copy(received, to: own)
      distance = shards.ranks
      return
    }
    add(received, to: own)
    distance *= 2
    try startRound(&gradients, over: world)
  }
}
