internal import CMPI

extension Communicator {
  /// Replaces each element of `buffer` by its combination over all ranks.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Throws: `MPIError`.
  public func allReduce<Element: Communicable>(
    _ buffer: inout MutableSpan<Element>, _ operation: ReductionOperation
  ) throws {
    if isWithoutMPI { return }
    try buffer.withUnsafeMutableBufferPointer { elements in
      for chunk in chunks(of: elements.count) {
        try recorded(
          "MPI_Allreduce", bytes: chunk.count * MemoryLayout<Element>.stride,
          MPI_Allreduce(
            MPI_IN_PLACE, elements.baseAddress! + chunk.lowerBound, CInt(chunk.count),
            Element.datatype.handle, operation.handle, handle))
      }
    }
  }

  /// Returns the combination of the values of all ranks.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Throws: `MPIError`.
  public func allReduce<Element: Communicable>(_ value: Element, _ operation: ReductionOperation) throws -> Element {
    if isWithoutMPI { return value }
    var value = value
    try recorded(
      "MPI_Allreduce", bytes: MemoryLayout<Element>.stride,
      MPI_Allreduce(MPI_IN_PLACE, &value, 1, Element.datatype.handle, operation.handle, handle))
    return value
  }

  /// Combines `buffer` over all ranks and leaves each rank its own block of the result.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Parameter own: receives elements `block(of: buffer.count, rank: rank)` of the combination.
  /// - Precondition: `own` has as many elements as that block.
  /// - Throws: `MPIError`.
  public func reduceScatter<Element: Communicable>(
    _ buffer: Span<Element>, into own: inout MutableSpan<Element>, _ operation: ReductionOperation
  ) throws {
    let count = buffer.count
    let block = block(of: count, rank: rank)
    precondition(own.count == block.count, "A rank receives \(block.count) elements, not \(own.count).")
    try buffer.withUnsafeBufferPointer { elements in
      try own.withUnsafeMutableBufferPointer { received in
        var receivedCount = 0
        for chunk in chunks(of: count) {
          let shares = shares(of: chunk, in: count)
          try recorded(
            "MPI_Reduce_scatter", bytes: chunk.count * MemoryLayout<Element>.stride,
            MPI_Reduce_scatter(
              elements.baseAddress! + chunk.lowerBound, received.baseAddress.map { $0 + receivedCount }, shares,
              Element.datatype.handle, operation.handle, handle))
          receivedCount += Int(shares[rank])
        }
      }
    }
  }
}
