import MPI

// Element i of rank r is r + i: with R ranks the sum over the ranks is R (R - 1) / 2 + R i.

private func sum(_ ranks: Int, _ index: Int) -> Float { Float(ranks * (ranks - 1) / 2 + ranks * index) }

func checkRequest(_ ranks: borrowing Communicator) throws {
  for count in [0, 1, 3, 20] {
    var values = (0..<count).map { Float(ranks.rank + $0) }
    var span = values.mutableSpan
    try ranks.startAllReduce(&span, .sum).wait()
    var request = try ranks.startAllReduce(&span, .max)
    while try !request.test() {}
    try request.wait()
    try expect(values, equals: (0..<count).map { sum(ranks.size, $0) }, "sum of \(count) elements")
  }
}

/// Buckets of one buffer, twice, since a group serves again.
func checkRequestGroup(_ cutIntoThrees: borrowing Communicator) throws {
  let ranks = cutIntoThrees.size
  var group = RequestGroup()
  try expect(try group.test(), equals: true, "completeness of nothing")
  for polls in [false, true] {
    var values = (0..<20).map { Float(cutIntoThrees.rank + $0) }
    for bucket in [10..<20, 9..<10, 0..<9] {
      var span = values.mutableSpan
      try cutIntoThrees.startAllReduce(bucket, of: &span, .sum, in: &group)
    }
    // 10, 1 and 9 elements, three in a call: 4 + 1 + 3 calls.
    try expect(group.count, equals: 8, "number of calls in flight")
    if polls { while try !group.test() {} } else { try group.waitAll() }
    try expect(group.count, equals: 0, "number of calls in flight after waiting")
    try expect(values, equals: (0..<20).map { sum(ranks, $0) }, "sum over the buckets")
  }
}

/// Leaving the scope of a request or of a group is waiting, so that values are complete and no memory is written later.
func checkDroppedRequest(_ ranks: borrowing Communicator) throws {
  var values = (0..<20).map { Float(ranks.rank + $0) }
  do {
    var span = values.mutableSpan
    _ = try ranks.startAllReduce(&span, .sum)
  }
  try expect(values, equals: (0..<20).map { sum(ranks.size, $0) }, "sum of a dropped request")

  values = (0..<20).map { Float(ranks.rank + $0) }
  do {
    var group = RequestGroup()
    var span = values.mutableSpan
    try ranks.startAllReduce(0..<20, of: &span, .sum, in: &group)
  }
  try expect(values, equals: (0..<20).map { sum(ranks.size, $0) }, "sum of a dropped group")
}
