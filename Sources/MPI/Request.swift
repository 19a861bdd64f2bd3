internal import CMPI

/// A reduction in flight, which borrows its buffer: neither reading nor writing it before `wait()` compiles.
///
/// Waiting consumes the request, so that it happens once. A request that goes out of scope is waited for.
public struct Request: ~Copyable, ~Escapable {
  private var group: RequestGroup

  @_lifetime(&buffer)
  fileprivate init<Element>(_ group: consuming RequestGroup, borrowing buffer: inout MutableSpan<Element>) {
    self.group = group
  }

  /// Lets MPI make progress and says whether the reduction is complete.
  ///
  /// - Throws: `MPIError`.
  @_lifetime(self: copy self)
  public mutating func test() throws -> Bool {
    try group.test()
  }

  /// Waits until the buffer holds the result.
  ///
  /// - Throws: `MPIError`.
  public consuming func wait() throws {
    try group.waitAll()
  }
}

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
      try check("MPI_Wait", MPI_Wait(&requests[completed], MPI_STATUS_IGNORE))
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
extension Request: Sendable {}

@available(*, unavailable, message: "One thread talks to MPI.")
extension RequestGroup: Sendable {}

extension Communicator {
  /// Starts to replace each element of `buffer` by its combination over all ranks.
  ///
  ///     let request = try world.startAllReduce(&gradient, .sum)
  ///     // work that does not need the gradient
  ///     try request.wait()
  ///
  /// MPI makes progress only while it is called: a long computation in between calls `test()` now and then.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Throws: `MPIError`.
  @_lifetime(&buffer)
  public func startAllReduce<Element: Communicable>(
    _ buffer: inout MutableSpan<Element>, _ operation: ReductionOperation
  ) throws -> Request {
    var group = RequestGroup()
    try startAllReduce(0..<buffer.count, of: &buffer, operation, in: &group)
    return Request(group, borrowing: &buffer)
  }

  /// Starts to replace the elements `part` of `buffer` by their combination over all ranks, as one of a group.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Precondition: until `group.waitAll()` returns, or `group.test()` says true, nothing reads or writes that part,
  ///   and its memory stays allocated. The compiler does not check this.
  /// - Throws: `MPIError`.
  @unsafe
  public func startAllReduce<Element: Communicable>(
    _ part: Range<Int>, of buffer: inout MutableSpan<Element>, _ operation: ReductionOperation,
    in group: inout RequestGroup
  ) throws {
    try buffer.withUnsafeMutableBufferPointer { elements in
      let elements = UnsafeMutableBufferPointer(rebasing: elements[part])
      for chunk in chunks(of: elements.count) {
        var request: MPI_Request?
        try check(
          "MPI_Iallreduce",
          MPI_Iallreduce(
            MPI_IN_PLACE, elements.baseAddress! + chunk.lowerBound, CInt(chunk.count),
            Element.datatype.handle, operation.handle, handle, &request))
        group.append(request)
      }
    }
  }
}
