import MPI

/// Buckets of one buffer, twice, since a group serves again.
func checkRequestGroup(_ cutIntoThrees: borrowing Communicator) throws {
  var group = RequestGroup()
  try expect(try group.test(), equals: true, "completeness of nothing")
  for polls in [false, true] {
    var values = ownElements(of: [10..<20, 9..<10, 0..<9], cutIntoThrees)
    for bucket in [10..<20, 9..<10, 0..<9] {
      var span = values.mutableSpan
      try startAllGather(bucket, of: &span, cutIntoThrees, in: &group)
    }
    // 10, 1 and 9 elements, three in a call: 4 + 1 + 3 calls.
    try expect(group.count, equals: 8, "number of calls in flight")
    if polls { while try !group.test() {} } else { try group.waitAll() }
    try expect(group.count, equals: 0, "number of calls in flight after waiting")
    try expect(values, equals: (0..<20).map { Float($0) }, "gathered buckets")
  }
}

/// Leaving the scope of a group is waiting, so that values are complete and no memory is written later.
func checkDroppedGroup(_ ranks: borrowing Communicator) throws {
  var values = ownElements(of: [0..<20], ranks)
  do {
    var group = RequestGroup()
    var span = values.mutableSpan
    try startAllGather(0..<20, of: &span, ranks, in: &group)
  }
  try expect(values, equals: (0..<20).map { Float($0) }, "what a dropped group has gathered")
}

/// What a rank brings of a bucket: one of as many blocks as there are ranks.
private func part(of bucket: Range<Int>, rank: Int, size: Int) -> Range<Int> {
  bucket.lowerBound + bucket.count * rank / size..<bucket.lowerBound + bucket.count * (rank + 1) / size
}

/// Twenty elements, of which those that this rank brings are their own number and the others -1.
private func ownElements(of buckets: [Range<Int>], _ ranks: borrowing Communicator) -> [Float] {
  var values = [Float](repeating: -1, count: 20)
  for bucket in buckets {
    for index in part(of: bucket, rank: ranks.rank, size: ranks.size) { values[index] = Float(index) }
  }
  return values
}

private func startAllGather(
  _ bucket: Range<Int>, of values: inout MutableSpan<Float>, _ ranks: borrowing Communicator,
  in group: inout RequestGroup
) throws {
  let size = ranks.size
  try ranks.startAllGather(bucket, of: &values, in: &group) { part(of: bucket, rank: $0, size: size) }
}
