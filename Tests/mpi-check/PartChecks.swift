import MPI

/// Every rank sends 10 elements to the next and receives as many from the one before, with a second message on the same
/// way.
func checkPointToPoint(_ ranks: borrowing Communicator) throws {
  let next = (ranks.rank + 1) % ranks.size
  let before = (ranks.rank + ranks.size - 1) % ranks.size
  let values = (0..<20).map { Float(100 * ranks.rank + $0) }
  for polls in [false, true] {
    var received = [Float](repeating: -1, count: 20)
    var group = RequestGroup()
    var span = received.mutableSpan
    // Received from the other end than sent, so that places count and not the order in which they are filled.
    try ranks.startReceive(10..<20, of: &span, from: before, tag: 1, in: &group)
    try ranks.startReceive(3..<6, of: &span, from: before, tag: 2, in: &group)
    try ranks.startReceive(0..<0, of: &span, from: before, tag: 3, in: &group)
    try ranks.startSend(0..<10, of: values.span, to: next, tag: 1, in: &group)
    try ranks.startSend(17..<20, of: values.span, to: next, tag: 2, in: &group)
    try ranks.startSend(5..<5, of: values.span, to: next, tag: 3, in: &group)
    if polls { while try !group.test() {} } else { try group.waitAll() }
    let sent = (0..<20).map { Float(100 * before + $0) }
    let nothing = [Float](repeating: -1, count: 4)
    try expect(
      received, equals: nothing[..<3] + sent[17...] + nothing + sent[..<10], "what rank \(before) has sent")
  }
}

/// The parts of a buffer that ranks own from the last to the first: gathered between two elements that stay.
func checkAllGatherOfParts(_ ranks: borrowing Communicator) throws {
  for count in [0, 1, 3, 20] {
    let size = ranks.size
    func part(_ rank: Int) -> Range<Int> {
      1 + count * (size - 1 - rank) / size..<1 + count * (size - rank) / size
    }
    var values = [Double](repeating: -1, count: count + 2)
    for index in part(ranks.rank) { values[index] = Double(index) }
    var span = values.mutableSpan
    var group = RequestGroup()
    try ranks.startAllGather(1..<count + 1, of: &span, in: &group, part: part)
    try group.waitAll()
    try expect(values, equals: [-1] + (0..<count).map { Double($0 + 1) } + [-1], "gathered parts of \(count)")
  }
}

/// Parts of different lengths, some empty: rank r receives r elements of the sum.
func checkReduceScatterOfParts(_ ranks: borrowing Communicator) throws {
  let (size, rank) = (ranks.size, ranks.rank)
  func part(_ rank: Int) -> Range<Int> { 2 + rank * (rank - 1) / 2..<2 + rank * (rank + 1) / 2 }
  let count = size * (size - 1) / 2
  let values = (0..<count + 4).map { Float(10 * rank + $0) }
  for polls in [false, true] {
    var own = [Float](repeating: -1, count: size)
    var group = RequestGroup()
    var span = own.mutableSpan
    try ranks.startReduceScatter(2..<2 + count, of: values.span, into: &span, .sum, in: &group, part: part)
    if polls { while try !group.test() {} } else { try group.waitAll() }
    let sums = part(rank).map { Float(10 * size * (size - 1) / 2 + size * $0) }
    try expect(own, equals: sums + [Float](repeating: -1, count: size - rank), "part \(rank) of the sum")
  }
}
