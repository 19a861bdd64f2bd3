import Kernels
import Liveness
import MPI

/// An exchange over all ranks about one bucket of an arena, which goes on a little whenever it is asked to.
protocol BucketExchange: ~Copyable {
  /// Starts with a bucket.
  ///
  /// Collective: every rank starts the same buckets in the same order.
  ///
  /// - Parameter place: The bucket's place in the order of travel.
  /// - Precondition: the bucket before is complete, and nothing touches this one until it is.
  /// - Throws: `MPIError`.
  mutating func start(_ place: Int, of arena: inout Arena, over world: borrowing Communicator) throws

  /// Does what can be done without waiting; says whether the bucket is complete on this rank.
  ///
  /// - Throws: `MPIError`.
  mutating func advance(_ arena: inout Arena, over world: borrowing Communicator) throws -> Bool

  /// Waits for the messages that have been started, and starts no more.
  ///
  /// - Throws: `MPIError`.
  mutating func settle() throws
}

/// Buckets that travel one after the other, a few at a time.
///
/// MPI makes progress only while it is called, so whoever computes calls ``advance(_:over:)`` now and then. A round of
/// an exchange takes a call or two however fast the network is; so two buckets are on their way for every round.
struct BucketPipeline<Exchange: BucketExchange & ~Copyable>: ~Copyable {
  /// Buckets on their way at most.
  private let depth: Int
  /// Bucket i of the order of travel is in exchange i % depth; those from `depth` on serve nobody.
  private var exchanges: InlineArray<8, Exchange>
  /// How many buckets may leave, have left, and are complete.
  private(set) var released = 0
  private var started = 0
  private(set) var completed = 0

  /// Makes the exchanges.
  ///
  /// - Parameter make: Returns an exchange, which may be one that is never used.
  init(_ shards: Shards, _ make: (_ isUsed: Bool) -> Exchange) {
    let depth = Self.depth(shards)
    self.depth = depth
    exchanges = InlineArray { make($0 < depth) }
  }

  /// The most buckets on their way at a time, 2 to 8.
  static func depth(_ shards: Shards) -> Int { shards.isTree ? min(8, max(2, 2 * shards.rounds)) : 2 }

  /// Lets the next bucket leave, with the next ``advance(_:over:)``.
  mutating func release() { released += 1 }

  /// Starts what may leave and does what can be done without waiting.
  ///
  /// - Throws: `MPIError`.
  mutating func advance(_ arena: inout Arena, over world: borrowing Communicator) throws {
    while true {
      while completed < started, try exchanges[completed % depth].advance(&arena, over: world) { completed += 1 }
      // Not only the oldest: MPI's progress is for all messages, but the rounds of the younger ones are ours.
      var place = completed + 1
      while place < started {
        _ = try exchanges[place % depth].advance(&arena, over: world)
        place += 1
      }
      guard started < released, started < completed + depth else { return }
      try exchanges[started % depth].start(started, of: &arena, over: world)
      started += 1
    }
  }

  /// Waits until the first `count` buckets are complete.
  ///
  /// - Precondition: they have been released.
  /// - Throws: `MPIError`.
  mutating func wait(for count: Int, _ arena: inout Arena, over world: borrowing Communicator) throws {
    precondition(count <= released, "a bucket is waited for that has not been released")
    // Never inside MPI for one message: other ranks may need rounds of ours for theirs.
    if completed >= count { return }
    let entry = FlightRecorder.begin("the exchange of a bucket")
    defer { FlightRecorder.end(entry) }
    while completed < count { try advance(&arena, over: world) }
  }

  /// Waits for everything released, and is ready for the first bucket again then.
  ///
  /// - Throws: `MPIError`.
  mutating func finish(_ arena: inout Arena, over world: borrowing Communicator) throws {
    try wait(for: released, &arena, over: world)
    (released, started, completed) = (0, 0, 0)
  }

  /// Waits for the messages that have been started, so that the arena may go although its buckets are not complete.
  ///
  /// Other ranks have started theirs to match, or will: a bucket starts when those `depth` before it are complete
  /// everywhere that it depends on.
  ///
  /// - Throws: `MPIError`.
  mutating func settle() throws {
    for place in 0..<depth { try exchanges[place].settle() }
  }
}
