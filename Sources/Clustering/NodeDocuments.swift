import MPI

/// Rows grouped by a number that each has, in ascending order within a group.
struct RowGroups {
  /// The rows, those of a group side by side.
  let rows: [Int32]
  /// The part of `rows` that belongs to each group.
  let ranges: [Range<Int>]

  /// Groups the rows whose numbers these are.
  init(_ numbers: [Int32], groups: Int) {
    var counts = [Int](repeating: 0, count: groups)
    for number in numbers { counts[Int(number)] += 1 }
    var next: [Int] = []
    var start = 0
    for count in counts {
      next.append(start)
      start += count
    }
    ranges = zip(next, counts).map { $0..<$0 + $1 }
    var rows = [Int32](repeating: 0, count: start)
    for (row, number) in numbers.enumerated() {
      rows[next[Int(number)]] = Int32(row)
      next[Int(number)] += 1
    }
    self.rows = rows
  }
}

/// The documents of the nodes of a level, as this rank holds them and all ranks together.
struct NodeDocuments {
  /// This rank's rows by node.
  let groups: RowGroups
  /// The number of a node's documents that ranks before this one hold, and that all hold; (nodes).
  let earlier, all: [Int]

  /// Groups documents by their nodes.
  ///
  /// Collective: every rank calls, with the same count of nodes.
  ///
  /// - Throws: `MPIError`.
  init(_ node: [Int32], nodes: Int, over world: borrowing Communicator) throws {
    groups = RowGroups(node, groups: nodes)
    var table = [Int](repeating: 0, count: nodes * world.size)
    table.replaceSubrange(nodes * world.rank..<nodes * (world.rank + 1), with: groups.ranges.map(\.count))
    var span = table.mutableSpan
    try world.allReduce(&span, .sum)
    let (rank, size) = (world.rank, world.size)
    earlier = (0..<nodes).map { node in (0..<rank).reduce(0) { $0 + table[$1 * nodes + node] } }
    all = (0..<nodes).map { node in (0..<size).reduce(0) { $0 + table[$1 * nodes + node] } }
  }
}
