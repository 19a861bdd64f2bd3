internal import CMPI

extension Communicator {
  /// Starts to send the elements `part` of `buffer` to another rank, as one of a group.
  ///
  /// Messages from one rank to another with the same tag arrive in the order in which they were started. The other rank
  /// must start to receive as many elements.
  ///
  /// - Precondition: until `group.waitAll()` returns, or `group.test()` says true, nothing writes that part, and its
  ///   memory stays allocated. The compiler does not check this.
  /// - Throws: `MPIError`.
  @unsafe
  public func startSend<Element: Communicable>(
    _ part: Range<Int>, of buffer: Span<Element>, to rank: Int, tag: Int, in group: inout RequestGroup
  ) throws {
    try buffer.withUnsafeBufferPointer { elements in
      let elements = UnsafeBufferPointer(rebasing: elements[part])
      for chunk in chunks(of: elements.count) {
        var request: MPI_Request?
        try recorded(
          "MPI_Isend", bytes: chunk.count * MemoryLayout<Element>.stride, peer: rank,
          MPI_Isend(
            elements.baseAddress! + chunk.lowerBound, CInt(chunk.count), Element.datatype.handle,
            CInt(clamping: rank), CInt(clamping: tag), handle, &request))
        group.append(request)
      }
    }
  }

  /// Starts to receive the elements `part` of `buffer` from another rank, as one of a group.
  ///
  /// - Precondition: until `group.waitAll()` returns, or `group.test()` says true, nothing reads or writes that part,
  ///   and its memory stays allocated. The compiler does not check this.
  /// - Throws: `MPIError`.
  @unsafe
  public func startReceive<Element: Communicable>(
    _ part: Range<Int>, of buffer: inout MutableSpan<Element>, from rank: Int, tag: Int, in group: inout RequestGroup
  ) throws {
    try buffer.withUnsafeMutableBufferPointer { elements in
      let elements = UnsafeMutableBufferPointer(rebasing: elements[part])
      for chunk in chunks(of: elements.count) {
        var request: MPI_Request?
        try recorded(
          "MPI_Irecv", bytes: chunk.count * MemoryLayout<Element>.stride, peer: rank,
          MPI_Irecv(
            elements.baseAddress! + chunk.lowerBound, CInt(chunk.count), Element.datatype.handle,
            CInt(clamping: rank), CInt(clamping: tag), handle, &request))
        group.append(request)
      }
    }
  }
}
