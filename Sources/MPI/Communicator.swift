internal import CMPI

/// A group of ranks that communicate with each other, and this process's place among them.
///
/// It can neither be copied nor sent to another thread: one thread talks to MPI. A communicator made by a split is
/// freed when it goes out of scope, which must happen on all of its ranks; the world is never freed.
public struct Communicator: ~Copyable {
  let handle: MPI_Comm
  /// The number of this process, from 0 to `size - 1`.
  public let rank: Int
  /// The number of processes.
  public let size: Int
  /// The most elements that one call to MPI moves; longer buffers travel in several calls.
  let elementsPerCall: Int
  private let isPredefined: Bool
  /// Whether this is one rank without MPI, for which every collective is done already.
  let isWithoutMPI: Bool

  /// MPI counts in C ints, and some of its algorithms count bytes in them: 2^27 elements of 8 bytes are safely below.
  static let defaultElementsPerCall = 1 << 27

  init(predefined handle: MPI_Comm) throws {
    try self.init(handle: handle, isPredefined: true, elementsPerCall: Communicator.defaultElementsPerCall)
  }

  private init(handle: MPI_Comm, isPredefined: Bool, elementsPerCall: Int) throws {
    // MPI's own handler would end the job before anybody could say what went wrong.
    try check("MPI_Comm_set_errhandler", MPI_Comm_set_errhandler(handle, MPI_ERRORS_RETURN))
    var rank: CInt = 0
    try check("MPI_Comm_rank", MPI_Comm_rank(handle, &rank))
    var size: CInt = 0
    try check("MPI_Comm_size", MPI_Comm_size(handle, &size))
    self.handle = handle
    self.rank = Int(rank)
    self.size = Int(size)
    self.elementsPerCall = elementsPerCall
    self.isPredefined = isPredefined
    isWithoutMPI = false
  }

  private init(withoutMPI: Void) {
    (handle, rank, size, elementsPerCall) = (MPI_COMM_WORLD, 0, 1, Communicator.defaultElementsPerCall)
    (isPredefined, isWithoutMPI) = (true, true)
  }

  /// A world of one rank in a process that never starts MPI, such as a test's: MPI in it would mislead the `mpirun`
  /// that it starts.
  ///
  /// Only collectives can be called; a program's own world is always MPI's, also with one rank.
  package static func alone() -> Communicator { Communicator(withoutMPI: ()) }

  deinit {
    if isPredefined { return }
    var isFinalized: CInt = 0
    MPI_Finalized(&isFinalized)
    if isFinalized != 0 { return }
    var handle: MPI_Comm? = handle
    MPI_Comm_free(&handle)
  }

  /// Splits the ranks into one communicator for each color, ordered by key and then by rank.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Precondition: `color` is not negative, and both numbers fit 32 bits.
  /// - Throws: `MPIError`.
  public func split(color: Int, key: Int = 0) throws -> Communicator {
    try split(color: color, key: key, elementsPerCall: elementsPerCall)
  }

  /// Splits with another limit of elements in one call, so that tests can cut short buffers into many pieces.
  package func split(color: Int, key: Int = 0, elementsPerCall: Int) throws -> Communicator {
    precondition(color >= 0, "The color of a split is negative.")
    var part: MPI_Comm?
    try recorded("MPI_Comm_split", MPI_Comm_split(handle, CInt(color), CInt(key), &part))
    return try Communicator(handle: part!, isPredefined: false, elementsPerCall: elementsPerCall)
  }

  /// Splits the ranks into one communicator for each node: those that can share memory, in the same order.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Throws: `MPIError`.
  public func splitByNode() throws -> Communicator {
    var part: MPI_Comm?
    try check(
      "MPI_Comm_split_type",
      MPI_Comm_split_type(handle, CInt(MPI_COMM_TYPE_SHARED), CInt(rank), MPI_INFO_NULL, &part))
    return try Communicator(handle: part!, isPredefined: false, elementsPerCall: elementsPerCall)
  }

  /// The name of the node that this rank runs on.
  public var processorName: String {
    isWithoutMPI ? "this node" : string(atMost: CInt(MPI_MAX_PROCESSOR_NAME), MPI_Get_processor_name) ?? "unknown"
  }

  /// What the MPI library allows the threads of this process to do.
  public var threadSupport: ThreadSupport {
    var level: CInt = 0
    MPI_Query_thread(&level)
    return ThreadSupport(rawValue: level) ?? .single
  }
}

@available(*, unavailable, message: "One thread talks to MPI.")
extension Communicator: Sendable {}

/// What the MPI library allows the threads of a process to do, least first.
public enum ThreadSupport: Int32, Sendable {
  /// The process has one thread.
  case single
  /// Only the thread that initialised MPI calls it: all that we ask for.
  case funneled
  /// Any thread calls MPI, one at a time.
  case serialized
  /// Any thread calls MPI at any time.
  case multiple
}
