import Kernels
import MPI
import Parallel
import Transformer

/// The estimators `ghost` and `last-layer`: sequences are dealt to the ranks, and their derivatives along the
/// directions computed without any gradient, through all layers or through the output layer alone.
struct GhostScorer: Meter {
  let depth: BackwardDepth

  mutating func measure(
    _ sample: inout Sample, along directions: Matrix, on replica: inout Replica,
    _ parameters: borrowing Parameters<Whole>, with gradients: consuming Gradients<Local>,
    over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    let (count, capacity) = (sample.windows.count, replica.model.capacity)
    sample.scores = Array(repeating: Array(repeating: 0, count: count), count: directions.rows)
    let chunks = sample.chunks(of: capacity)
    try sample.source.deal(sample.windows, in: chunks, over: world) { chunk in
      guard !sample.isGivenUp() else { return }
      let places = chunks[chunk]
      try replica.score(sample.windows[places], from: sample.source, parameters, along: directions, depth: depth)
      for direction in sample.scores.indices {
        for (sequence, place) in places.enumerated() {
          sample.scores[direction][place] = replica.model.score(ofSequence: sequence, along: direction)
        }
      }
    }
    for direction in sample.scores.indices { try sumRows(&sample.scores[direction], over: world) }
    return gradients
  }
}
