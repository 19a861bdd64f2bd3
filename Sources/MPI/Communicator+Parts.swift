internal import CMPI

extension Communicator {
  /// Starts to fill the elements `range` of `buffer` with the parts of all ranks, of which each brings its own in
  /// place.
  ///
  /// Parts may lie in any order: the part of rank 1 may come after that of rank 2.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Parameter part: The elements that a rank brings, by rank; all ranks' parts together are `range`, without
  ///   overlap.
  /// - Precondition: until `group.waitAll()` returns, or `group.test()` says true, nothing reads or writes the range,
  ///   and its memory stays allocated. The compiler does not check this.
  /// - Throws: `MPIError`.
  @unsafe
  public func startAllGather<Element: Communicable>(
    _ range: Range<Int>, of buffer: inout MutableSpan<Element>, in group: inout RequestGroup,
    part: (_ rank: Int) -> Range<Int>
  ) throws {
    try buffer.withUnsafeMutableBufferPointer { elements in
      let elements = UnsafeMutableBufferPointer(rebasing: elements[range])
      for chunk in chunks(of: elements.count) {
        let place = range.lowerBound + chunk.lowerBound..<range.lowerBound + chunk.upperBound
        // Counts first, then displacements. MPI may look at them until the request is complete.
        let layout = group.counts(2 * size)
        for rank in 0..<size {
          let share = part(rank).clamped(to: place)
          layout[rank] = CInt(share.count)
          layout[size + rank] = CInt(share.lowerBound - place.lowerBound)
        }
        var request: MPI_Request?
        try recorded(
          "MPI_Iallgatherv", bytes: chunk.count * MemoryLayout<Element>.stride,
          MPI_Iallgatherv(
            MPI_IN_PLACE, 0, Element.datatype.handle, elements.baseAddress! + chunk.lowerBound,
            layout.baseAddress!, layout.baseAddress! + size, Element.datatype.handle, handle, &request))
        group.append(request)
      }
    }
  }

  /// Starts to combine the elements `range` of `buffer` over all ranks and to leave each rank its own part of the
  /// result.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Parameters:
  ///   - own: Receives this rank's part, from its first element on.
  ///   - part: The elements that a rank receives, by rank; they follow each other in the order of ranks and fill
  ///     `range`.
  /// - Precondition: until `group.waitAll()` returns, or `group.test()` says true, nothing writes the range or touches
  ///   `own`, and their memory stays allocated. The compiler does not check this.
  /// - Throws: `MPIError`.
  @unsafe
  public func startReduceScatter<Element: Communicable>(
    _ range: Range<Int>, of buffer: Span<Element>, into own: inout MutableSpan<Element>,
    _ operation: ReductionOperation, in group: inout RequestGroup, part: (_ rank: Int) -> Range<Int>
  ) throws {
    precondition(own.count >= part(rank).count, "A rank's part does not fit where it is received.")
    try buffer.withUnsafeBufferPointer { elements in
      let elements = UnsafeBufferPointer(rebasing: elements[range])
      try own.withUnsafeMutableBufferPointer { received in
        var receivedCount = 0
        for chunk in chunks(of: elements.count) {
          let place = range.lowerBound + chunk.lowerBound..<range.lowerBound + chunk.upperBound
          // MPI may look at the counts until the request is complete.
          let shares = group.counts(size)
          for rank in 0..<size { shares[rank] = CInt(part(rank).clamped(to: place).count) }
          var request: MPI_Request?
          try recorded(
            "MPI_Ireduce_scatter", bytes: chunk.count * MemoryLayout<Element>.stride,
            MPI_Ireduce_scatter(
              elements.baseAddress! + chunk.lowerBound, received.baseAddress.map { $0 + receivedCount },
              shares.baseAddress!, Element.datatype.handle, operation.handle, handle, &request))
          group.append(request)
          receivedCount += Int(shares[rank])
        }
      }
    }
  }
}
