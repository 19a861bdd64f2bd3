import Kernels
import MPI

/// The copying of one bucket's parts from the ranks that own them to all ranks.
///
/// For a power of two of ranks it is the way of ``BucketReduction`` backwards (recursive doubling): in round d = R / 2,
/// ..., 2, 1 ranks r and r ^ d give each other all they hold. So a rank sends (R - 1) / R of the bucket in all, half of
/// it to its nearest partner, and across the border of a node with c ranks goes what one rank alone would send.
///
/// For other numbers of ranks MPI gathers.
struct BucketGather: BucketExchange, ~Copyable {
  private let shards: Shards
  private var requests = RequestGroup()
  private var bucket = 0
  /// The d of the present round; 0 when there is none.
  private var distance = 0

  init(_ shards: Shards) { self.shards = shards }

  /// Starts with a bucket: they travel from the arena's start to its end, as a forward pass needs them.
  mutating func start(_ place: Int, of arena: inout Arena, over world: borrowing Communicator) throws {
    bucket = shards.buckets.count - 1 - place
    distance = shards.ranks / 2
    if shards.isTree { return try startRound(&arena, over: world) }

    let (shards, whole) = (shards, shards.buckets[bucket])
    distance = 1
    try world.startAllGather(whole, of: &arena, in: &requests) { shards.part(of: whole, rank: $0) }
  }

  mutating func advance(_ arena: inout Arena, over world: borrowing Communicator) throws -> Bool {
    while distance > 0 {
      guard try requests.test() else { return false }
      distance /= 2
      if shards.isTree { try startRound(&arena, over: world) }
    }
    return true
  }

  mutating func settle() throws { try requests.waitAll() }

  /// Starts the messages of a round of doubling, if there is one more.
  private mutating func startRound(_ arena: inout Arena, over world: borrowing Communicator) throws {
    guard distance > 0 else { return }
    let whole = shards.buckets[bucket]
    let partner = shards.rank ^ distance
    let received = shards.held(of: whole, rank: partner, rounds: 2 * distance)
    try world.startReceive(received, of: &arena, from: partner, tag: bucket, in: &requests)
    try world.startSend(
      shards.held(of: whole, rank: shards.rank, rounds: 2 * distance), of: arena.span, to: partner, tag: bucket,
      in: &requests)
  }
}
