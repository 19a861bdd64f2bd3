import MPI

func checkSplit(_ world: borrowing Communicator) throws {
  // Even and odd ranks apart: rank r is number r / 2 of its part, whose ranks add up to what is counted here.
  let parity = try world.split(color: world.rank % 2)
  let members = (0..<world.size).filter { $0 % 2 == world.rank % 2 }
  try expect(parity.rank, equals: world.rank / 2, "rank in the part")
  try expect(parity.size, equals: members.count, "size of the part")
  try expect(try parity.allReduce(world.rank, .sum), equals: members.reduce(0, +), "sum over the part")

  let reversed = try world.split(color: 3, key: -world.rank)
  try expect(reversed.rank, equals: world.size - 1 - world.rank, "rank in the reversed world")
  try expect(try reversed.allGather(world.rank), equals: (0..<world.size).reversed(), "reversed ranks")

  let alone = try parity.split(color: parity.rank)
  try expect(alone.size, equals: 1, "size of a part of a part")
}

/// All ranks of the test run on one machine, so they are one node.
func checkSplitByNode(_ world: borrowing Communicator) throws {
  let node = try world.splitByNode()
  try expect(node.size, equals: world.size, "size of the node")
  try expect(node.rank, equals: world.rank, "rank in the node")
  try expect(try node.allReduce(world.rank, .max), equals: world.size - 1, "largest rank of the node")
}

/// MPI has room for 2^16 communicators or fewer: this passes only if those out of scope are freed.
func checkFreedSplits(_ world: borrowing Communicator) throws {
  for _ in 0..<70_000 { _ = try world.split(color: 0) }
}
