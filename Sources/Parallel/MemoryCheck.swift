import Kernels
import MPI
import Transformer

/// A comparison of every rank's parameters with what their owners wrote, and of moments with what they were left as.
///
/// An update leaves the bit sum of each segment it writes: the part of a tensor that one rank owns. Before the next
/// update, every rank sums its copy of all segments again. A sum that differs means that memory has changed by itself,
/// or a message was damaged; segment and rank are known even where there are two ranks, or one.
package struct MemoryCheck: ~Copyable {
  /// The segments of all ranks, those of rank 0 first.
  private let ranges: [Range<Int>]
  /// The first segment of each rank.
  private let starts: [Int]
  /// The sum of every segment; at the end the number of ranks whose update has found a change.
  private var sums: [UInt64]
  private let layout: ParameterLayout

  /// A part of a tensor whose memory has changed.
  package struct Fault: Equatable {
    /// The tensor, and the elements of the arena.
    package let tensor: String
    package let elements: Range<Int>
    /// What the memory holds.
    package let memory: String
  }

  /// Plans the comparison for a rank among others that own `shards`.
  package init(_ layout: ParameterLayout, _ shards: Shards) {
    self.layout = layout
    var ranges: [Range<Int>] = []
    var starts = [0]
    for rank in 0..<shards.ranks {
      for bucket in shards.buckets.reversed() {
        ranges += Optimizer.segments(of: shards.part(of: bucket, rank: rank), in: layout).map(\.range)
      }
      starts.append(ranges.count)
    }
    self.ranges = ranges
    self.starts = starts
    sums = [UInt64](repeating: 0, count: ranges.count + 1)
  }

  /// Compares the parameters of this rank with those that their owners have, and finds out whether all ranks are whole.
  ///
  /// Collective: every rank calls.
  ///
  /// - Returns: Whether any rank's memory has changed, and what has changed in this rank's.
  /// - Throws: `MPIError`.
  package mutating func run(
    _ parameters: borrowing Parameters<Whole>, _ optimizer: borrowing Optimizer, over world: borrowing Communicator
  ) throws -> (isBroken: Bool, fault: Fault?) {
    for place in sums.indices { sums[place] = 0 }
    let first = starts[world.rank]
    for place in first..<starts[world.rank + 1] { sums[place] = UInt64(optimizer.parameterSum(place - first)) }
    sums[ranges.count] = optimizer.damage == nil ? 0 : 1
    var span = sums.mutableSpan
    try world.allReduce(&span, .sum)
    var fault: Fault?
    if let damage = optimizer.damage {
      let range = ranges[first + damage.segment]
      fault = Fault(tensor: tensor(at: range.lowerBound), elements: range, memory: damage.memory)
    }
    for (range, sum) in zip(ranges, sums) where fault == nil {
      guard UInt64(bitSum(parameters.row.columns(range.lowerBound, count: range.count))) != sum else { continue }
      fault = Fault(tensor: tensor(at: range.lowerBound), elements: range, memory: "parameters")
    }
    let broken = try world.allReduce(fault == nil ? 0 : 1, .max)
    return (broken > 0, fault)
  }

  private func tensor(at element: Int) -> String {
    layout.tensors.last { $0.offset <= element }?.name ?? "?"
  }
}
