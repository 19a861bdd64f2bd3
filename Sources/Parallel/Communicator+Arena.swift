import Kernels
import MPI

// Messages whose memory is a whole arena, so that its owner may have other things under change.
extension Communicator {
  /// Starts to receive elements of an arena; see ``startReceive(_:of:from:tag:in:)`` for spans.
  package func startReceive(
    _ part: Range<Int>, of arena: inout Arena, from rank: Int, tag: Int, in group: inout RequestGroup
  ) throws {
    var values = arena.mutableSpan
    try startReceive(part, of: &values, from: rank, tag: tag, in: &group)
  }

  /// Starts to sum a bucket of gradients and to receive the own part of the sum.
  func startReduceScatter(
    _ range: Range<Int>, of gradients: borrowing Arena, into own: inout Arena, in group: inout RequestGroup,
    part: (_ rank: Int) -> Range<Int>
  ) throws {
    var values = own.mutableSpan
    try startReduceScatter(range, of: gradients.span, into: &values, .sum, in: &group, part: part)
  }

  /// Starts to copy all ranks' parts of a bucket to all ranks.
  func startAllGather(
    _ range: Range<Int>, of arena: inout Arena, in group: inout RequestGroup, part: (_ rank: Int) -> Range<Int>
  ) throws {
    var values = arena.mutableSpan
    try startAllGather(range, of: &values, in: &group, part: part)
  }
}
