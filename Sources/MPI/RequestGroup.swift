internal import CMPI

/// Messages and reductions in flight on buffers that the group does not borrow, such as parts of one gradient.
///
/// A group serves again after `waitAll()`. One that goes out of scope waits for what is still in flight, because MPI
/// may write to the buffers until then.
public struct RequestGroup: ~Copyable {
  /// In the order they were started, which is also the order in which they are asked for.
  private var requests: [MPI_Request?] = []
  /// How many of the first requests are known to be complete.
  private var completed = 0
  /// Counts of elements, and their places, that MPI may still read.
  private var countMemory: [UnsafeMutableBufferPointer<CInt>] = []

  /// Creates a group with nothing in flight.
  public init() {}

  deinit {
    for index in completed..<requests.count {
      var request = requests[index]
      // Memory that MPI may still write to is about to be given back, and there is nobody to throw to.
      precondition(MPI_Wait(&request, MPI_STATUS_IGNORE) == MPI_SUCCESS, "A request in flight failed unseen.")
    }
    for memory in countMemory { memory.deallocate() }
  }

  /// The number of calls in flight; a buffer longer than one call moves is several.
  package var count: Int { requests.count - completed }

  mutating func append(_ request: MPI_Request?) {
    requests.append(request)
  }

  /// Room for `count` numbers, which stays allocated until everything in flight is complete.
  mutating func counts(_ count: Int) -> UnsafeMutableBufferPointer<CInt> {
    let memory = UnsafeMutableBufferPointer<CInt>.allocate(capacity: count)
    memory.initialize(repeating: 0)
    countMemory.append(memory)
    return memory
  }

  /// Lets MPI make progress and says whether everything in flight is complete.
  ///
  /// - Throws: `MPIError`.
  public mutating func test() throws -> Bool {
    while completed < requests.count {
      var isComplete: CInt = 0
      try check("MPI_Test", MPI_Test(&requests[completed], &isComplete, MPI_STATUS_IGNORE))
      if isComplete == 0 { return false }
      completed += 1
    }
    reuse()
    return true
  }

  /// Waits until every buffer holds its result.
  ///
  /// - Throws: `MPIError`.
  public mutating func waitAll() throws {
    // One by one, since MPI_Waitall tells of a failure only that there was one.
    while completed < requests.count {
      try recorded("MPI_Wait", MPI_Wait(&requests[completed], MPI_STATUS_IGNORE))
      completed += 1
    }
    reuse()
  }

  private mutating func reuse() {
    requests.removeAll(keepingCapacity: true)
    completed = 0
    for memory in countMemory { memory.deallocate() }
    countMemory.removeAll(keepingCapacity: true)
  }
}

@available(*, unavailable, message: "One thread talks to MPI.")
extension RequestGroup: Sendable {}
