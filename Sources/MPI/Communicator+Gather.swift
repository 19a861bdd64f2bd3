internal import CMPI

extension Communicator {
  /// Copies the elements of rank `root` to all ranks.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Throws: `MPIError`.
  public func broadcast<Element: Communicable>(_ buffer: inout MutableSpan<Element>, root: Int = 0) throws {
    if isWithoutMPI { return }
    try buffer.withUnsafeMutableBufferPointer { elements in
      for chunk in chunks(of: elements.count) {
        try recorded(
          "MPI_Bcast", bytes: chunk.count * MemoryLayout<Element>.stride, peer: root,
          MPI_Bcast(
            elements.baseAddress! + chunk.lowerBound, CInt(chunk.count), Element.datatype.handle,
            CInt(clamping: root), handle))
      }
    }
  }

  /// Returns the value of rank `root` on all ranks.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Throws: `MPIError`.
  public func broadcast<Element: Communicable>(_ value: Element, root: Int = 0) throws -> Element {
    if isWithoutMPI { return value }
    var value = value
    try recorded(
      "MPI_Bcast", bytes: MemoryLayout<Element>.stride, peer: root,
      MPI_Bcast(&value, 1, Element.datatype.handle, CInt(clamping: root), handle))
    return value
  }

  /// Returns the bytes of rank `root`, however many, on all ranks; those of the others are ignored.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Throws: `MPIError`.
  public func broadcast(_ bytes: [UInt8], root: Int = 0) throws -> [UInt8] {
    let count = try broadcast(bytes.count, root: root)
    var bytes = rank == root ? bytes : [UInt8](repeating: 0, count: count)
    var span = bytes.mutableSpan
    try broadcast(&span, root: root)
    return bytes
  }

  /// Fills `buffer` with the blocks of all ranks, of which each brings its own in place.
  ///
  /// Only elements `block(of: buffer.count, rank: rank)` need to be set before; all are, and alike, after.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Throws: `MPIError`.
  public func allGather<Element: Communicable>(_ buffer: inout MutableSpan<Element>) throws {
    if isWithoutMPI { return }
    let count = buffer.count
    var group = RequestGroup()
    try startAllGather(0..<count, of: &buffer, in: &group) { block(of: count, rank: $0) }
    try group.waitAll()
  }

  /// Returns the values of all ranks, in their order.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Throws: `MPIError`.
  public func allGather<Element: Communicable>(_ value: Element) throws -> [Element] {
    var values = [Element](repeating: value, count: size)
    var span = values.mutableSpan
    try allGather(&span)
    return values
  }

  /// Returns the bytes of all ranks, in their order, however many each brings.
  ///
  /// Every rank holds `size` times the longest: meant for names and messages.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Throws: `MPIError`.
  public func allGather(_ bytes: [UInt8]) throws -> [[UInt8]] {
    let counts = try allGather(bytes.count)
    let longest = counts.max()!
    var padded = [UInt8](repeating: 0, count: size * longest)
    padded.replaceSubrange(rank * longest..<rank * longest + bytes.count, with: bytes)
    var span = padded.mutableSpan
    try allGather(&span)
    return counts.enumerated().map { rank, count in Array(padded[rank * longest..<rank * longest + count]) }
  }

  /// Waits until every rank has called.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Throws: `MPIError`.
  public func barrier() throws {
    if isWithoutMPI { return }
    try recorded("MPI_Barrier", MPI_Barrier(handle))
  }
}
