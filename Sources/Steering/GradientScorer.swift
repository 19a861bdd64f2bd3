import Kernels
import MPI
import Parallel

/// The estimator `gradients`: the mean gradient of each domain, shared and summed by all ranks as in the paper, then an
/// inner product with the directions.
struct GradientScorer: Meter {
  private let plan: SteeringPlan

  init(_ plan: SteeringPlan) { self.plan = plan }

  mutating func measure(
    _ sample: inout Sample, along directions: Matrix, on replica: inout Replica,
    _ parameters: borrowing Parameters<Whole>, with gradients: consuming Gradients<Local>,
    over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    var gradients = gradients
    sample.scores = Array(repeating: Array(repeating: 0, count: sample.windows.count), count: directions.rows)
    sample.norms = [Double](repeating: 0, count: sample.ranges.count)
    sample.rowsAreMeans = true
    for (index, range) in sample.ranges.enumerated() {
      if try world.allReduce(sample.isGivenUp() ? 1 : 0, .max) == 1 { break }
      var batch = plan.batch(Array(sample.windows[range]), from: sample.source)
      batch.isGivenUp = sample.isGivenUp
      var record = PassRecord(batch, length: plan.length)
      try replica.run(batch, &gradients, parameters, recording: &record, over: world)
      let averaged = try gradients.averaged(by: &replica.reduction, over: world)
      for direction in sample.scores.indices {
        let product = try replica.innerProduct(
          of: averaged.row, and: directions.rows(direction, count: 1), over: world)
        for place in range { sample.scores[direction][place] = product }
      }
      sample.norms[index] = try replica.sumOfSquares(of: averaged.row, over: world).squareRoot()
      gradients = averaged.cleared()
    }
    return gradients
  }
}
