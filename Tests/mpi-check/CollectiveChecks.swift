import Glibc
import MPI

// Values are small integers, exact in every element type: element i of rank r is 10 r + i. With R ranks their sum over
// the ranks is 10 R (R - 1) / 2 + R i, their smallest i, their largest 10 (R - 1) + i. UInt8 holds this for R <= 4.

private let counts = [0, 1, 2, 3, 7, 20]

private func sum(_ ranks: Int, _ index: Int) -> Int { 10 * ranks * (ranks - 1) / 2 + ranks * index }

func checkAllReduce(_ ranks: borrowing Communicator) throws {
  try checkAllReduce(ranks, of: Float.self) { Float($0) }
  try checkAllReduce(ranks, of: Double.self) { Double($0) }
  try checkAllReduce(ranks, of: Int32.self) { Int32($0) }
  try checkAllReduce(ranks, of: Int64.self) { Int64($0) }
  try checkAllReduce(ranks, of: Int.self) { $0 }
  try checkAllReduce(ranks, of: UInt8.self) { UInt8($0) }
  try checkAllReduce(ranks, of: UInt64.self) { UInt64($0) }
  // Beyond 32 bits and below zero, a wrong element type shows.
  let far = 1 << 40
  try expect(try ranks.allReduce(-far - ranks.rank, .min), equals: -far - ranks.size + 1, "smallest Int")
  try expect(try ranks.allReduce(UInt64.max - UInt64(ranks.rank), .max), equals: .max, "largest UInt64")
  try expect(try ranks.allReduce(Int32(-1), .max), equals: -1, "largest Int32")
  try expect(try ranks.allReduce(0.1, .max), equals: 0.1, "largest Double")
}

private func checkAllReduce<Element: Communicable & Equatable>(
  _ ranks: borrowing Communicator, of type: Element.Type, _ element: (Int) -> Element
) throws {
  let size = ranks.size
  let operations: [(ReductionOperation, (Int) -> Int)] = [
    (.sum, { sum(size, $0) }), (.max, { 10 * (size - 1) + $0 }), (.min, { $0 }),
  ]
  for (operation, expected) in operations {
    for count in counts {
      var values = (0..<count).map { element(10 * ranks.rank + $0) }
      var span = values.mutableSpan
      try ranks.allReduce(&span, operation)
      try expect(values, equals: (0..<count).map { element(expected($0)) }, "\(operation) of \(count) x \(type)")
    }
    let value = try ranks.allReduce(element(10 * ranks.rank + 1), operation)
    try expect(value, equals: element(expected(1)), "\(operation) of one \(type)")
  }
}

func checkBlocks(_ ranks: borrowing Communicator) throws {
  for count in counts {
    var end = 0
    for rank in 0..<ranks.size {
      let block = ranks.block(of: count, rank: rank)
      try expect(block.lowerBound, equals: end, "start of block \(rank) of \(count)")
      // Dealing the elements to the ranks in turn, this rank gets the elements rank, rank + size, ...
      let dealt = stride(from: rank, to: count, by: ranks.size).reduce(0) { dealt, _ in dealt + 1 }
      try expect(block.count, equals: dealt, "length of block \(rank) of \(count)")
      end = block.upperBound
    }
    try expect(end, equals: count, "end of the last block")
  }
}

func checkReduceScatter(_ ranks: borrowing Communicator) throws {
  for count in counts {
    let values = (0..<count).map { Float(10 * ranks.rank + $0) }
    let block = ranks.block(of: count, rank: ranks.rank)
    var own = [Float](repeating: -1, count: block.count)
    var span = own.mutableSpan
    try ranks.reduceScatter(values.span, into: &span, .sum)
    try expect(own, equals: block.map { Float(sum(ranks.size, $0)) }, "block \(block) of \(count)")
  }
}

func checkAllGather(_ ranks: borrowing Communicator) throws {
  for count in counts {
    var values = [Double](repeating: -1, count: count)
    for index in ranks.block(of: count, rank: ranks.rank) { values[index] = Double(index) }
    var span = values.mutableSpan
    try ranks.allGather(&span)
    try expect(values, equals: (0..<count).map { Double($0) }, "gathered buffer of \(count)")
  }
  try expect(try ranks.allGather(7 * ranks.rank), equals: (0..<ranks.size).map { 7 * $0 }, "gathered values")
  // Rank r brings r copies of its number: nothing from rank 0, and a different length from each.
  let bytes = try ranks.allGather([UInt8](repeating: UInt8(ranks.rank), count: ranks.rank))
  try expect(bytes, equals: (0..<ranks.size).map { [UInt8](repeating: UInt8($0), count: $0) }, "gathered bytes")
  try expect(try ranks.allGather([]), equals: [[UInt8]](repeating: [], count: ranks.size), "gathered nothing")
}

func checkBroadcast(_ ranks: borrowing Communicator) throws {
  for root in 0..<ranks.size {
    for count in counts {
      var values = (0..<count).map { Int32(10 * ranks.rank + $0) }
      var span = values.mutableSpan
      try ranks.broadcast(&span, root: root)
      try expect(values, equals: (0..<count).map { Int32(10 * root + $0) }, "\(count) elements of rank \(root)")
    }
    try expect(try ranks.broadcast(ranks.rank, root: root), equals: root, "value of rank \(root)")
    let message = try ranks.broadcast(Array("rank \(ranks.rank)".utf8), root: root)
    try expect(String(decoding: message, as: UTF8.self), equals: "rank \(root)", "message of rank \(root)")
    let shorter = try ranks.broadcast([UInt8](repeating: 1, count: ranks.rank == root ? 1 : 9), root: root)
    try expect(shorter, equals: [1], "bytes of rank \(root), fewer than the others have")
  }
}

/// Nobody leaves the barrier before the last has come: all ranks of the test share one monotonic clock.
func checkBarrier(_ ranks: borrowing Communicator) throws {
  for late in 0..<ranks.size {
    if ranks.rank == late { usleep(20_000) }
    let came = nanoseconds()
    try ranks.barrier()
    let left = nanoseconds()
    let lastCame = try ranks.allReduce(came, .max)
    let firstLeft = try ranks.allReduce(left, .min)
    try expect(lastCame <= firstLeft, equals: true, "order of coming to and leaving the barrier")
  }
}

private func nanoseconds() -> Int {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return time.tv_sec * 1_000_000_000 + time.tv_nsec
}
