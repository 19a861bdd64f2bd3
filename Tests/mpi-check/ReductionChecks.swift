import Kernels
import MPI
import Parallel
import Transformer

/// Gradients of several buckets, reduced as a backward pass would release them, and gathered as a forward pass would
/// wait for them, twice with the same memory.
func checkGradientReduction(_ ranks: borrowing Communicator) throws {
  let layout = ParameterLayout(
    ModelConfiguration(layers: 3, heads: 2, width: 48, context: 16, vocabularySize: 700))
  let shards = Shards(layout, ranks: ranks.size, rank: ranks.rank, bucket: 8000...20_000)
  try expect(shards.buckets.count >= 5, equals: true, "number of buckets is at least 5")
  var reduction = GradientReduction(shards)
  var gather = ParameterGather(shards)
  var gradients = Arena(count: layout.arenaCount)
  for round in 0..<2 {
    for i in 0..<gradients.count { gradients.row[0, i] = term(ranks.rank, i, round) }
    for range in layout.parts.reversed() {
      while reduction.nextFinal(from: range.lowerBound) != nil {}
      try reduction.advance(&gradients, over: ranks)
    }
    try reduction.finish(&gradients, over: ranks)
    for own in shards.own {
      for i in own { try expectSum(gradients.row[0, i], at: i, round, shards) }
    }
    for (own, bucket) in zip(shards.own, shards.buckets).reversed() {
      // Nobody needs what the others have left here.
      for i in bucket where !own.contains(i) { gradients.row[0, i] = .nan }
      gather.release()
      try gather.advance(&gradients, over: ranks)
    }
    for part in layout.parts {
      try gather.wait(below: part.upperBound, &gradients, over: ranks)
      for i in part { try expectSum(gradients.row[0, i], at: i, round, shards) }
    }
    try gather.finish(&gradients, over: ranks)
  }
}

/// Terms of very different sizes, so that their order shows in nearly every sum.
private func term(_ rank: Int, _ index: Int, _ round: Int) -> Float {
  var bits = UInt64(1 + rank) &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(index + 7 * round) &* 0xD1B5_4A32_D192_ED03
  bits = (bits ^ bits >> 31) &* 0x94D0_49BB_1331_11EB
  return (Float(bits >> 40) - 0x1p23) * Float(sign: .plus, exponent: Int(bits % 12) - 30, significand: 1)
}

/// The sum over the ranks `first..<first + count` by the definition of a balanced binary tree.
private func tree(_ first: Int, _ count: Int, _ index: Int, _ round: Int) -> Float {
  if count == 1 { return term(first, index, round) }
  return tree(first, count / 2, index, round) + tree(first + count / 2, count / 2, index, round)
}

private func expectSum(_ sum: Float, at index: Int, _ round: Int, _ shards: Shards) throws {
  if shards.isTree {
    try expect(sum, equals: tree(0, shards.ranks, index, round), "sum of element \(index)")
  } else {
    // In an order that MPI chooses: a rounding for each addition.
    let terms = (0..<shards.ranks).map { Double(term($0, index, round)) }
    let bound = Double(shards.ranks) * 0x1p-24 * terms.reduce(0) { $0 + abs($1) }
    let isClose = abs(Double(sum) - terms.reduce(0, +)) <= bound
    try expect(isClose, equals: true, "\(sum) at \(index) is the sum of \(terms)")
  }
}
