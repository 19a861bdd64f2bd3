import Kernels
import MPI
import Parallel

/// The estimator `dots`: domains are dealt to the ranks, the gradient of each sequence is formed, and its inner product
/// with the directions taken where it is; what travels is one number for each.
struct DotScorer: Meter {
  mutating func measure(
    _ sample: inout Sample, along directions: Matrix, on replica: inout Replica,
    _ parameters: borrowing Parameters<Whole>, with gradients: consuming Gradients<Local>,
    over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    sample.scores = Array(repeating: Array(repeating: 0, count: sample.windows.count), count: directions.rows)
    sample.norms = [Double](repeating: 0, count: sample.ranges.count)
    let sum = gradients.row
    try sample.source.deal(sample.windows, in: sample.ranges, over: world) { range in
      guard !sample.isGivenUp() else { return }
      sample.norms[range] = try measure(
        sample.ranges[range], of: &sample, along: directions, on: &replica, parameters, sum)
    }
    for direction in sample.scores.indices { try sumRows(&sample.scores[direction], over: world) }
    try sumRows(&sample.norms, over: world)
    return gradients
  }

  /// Scores the sequences of a domain by their gradients, which are added up one by one in `sum`; returns the norm of
  /// their mean.
  ///
  /// A sequence's score is how much its gradient adds to the inner product of the sum.
  private func measure(
    _ range: Range<Int>, of sample: inout Sample, along directions: Matrix, on replica: inout Replica,
    _ parameters: borrowing Parameters<Whole>, _ sum: Matrix
  ) throws -> Double {
    var before = [Double](repeating: 0, count: directions.rows)
    for place in range where !sample.isGivenUp() {
      try replica.gradient(
        of: sample.windows[place...place], from: sample.source, parameters, to: sum, adding: place > range.lowerBound)
      for direction in before.indices {
        let product = dot(sum, directions.rows(direction, count: 1))
        sample.scores[direction][place] = product - before[direction]
        before[direction] = product
      }
    }
    return sumOfSquares(sum).squareRoot() / Double(range.count)
  }
}
