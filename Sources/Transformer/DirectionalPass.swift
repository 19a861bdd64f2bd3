import Kernels

/// The pass that rides on a backward pass and computes the derivative of every token's loss along some directions.
///
/// A direction is one row of the parameters' layout, such as a target's gradient. Each layer adds its part to the
/// token's scores as soon as the gradient of its output is known; no weight gradient is needed for it. Summed over a
/// sequence, scores are the inner product of the sequence's gradient with the direction.
struct DirectionalPass {
  /// The directions, one in each row (D, the layout's length).
  let directions: Matrix
  /// The derivative of every token's loss along each direction so far (D, N).
  let scores: Matrix
  /// Working memory (N, 4 C) that may hold anything between layers.
  let scratch: Matrix
  /// Seconds that the pass took so far: its whole cost beside the backward pass.
  private(set) var seconds = 0.0

  init(along directions: Matrix, scores: Matrix, scratch: Matrix) {
    self.directions = directions
    self.scores = scores
    self.scratch = scratch
    clear(scores)
  }

  /// Adds the part of a linear layer; shapes as in
  /// ``linearDirectional(outputGradient:input:weight:bias:scratch:addingTo:)``.
  mutating func linear(
    outputGradient: Matrix, input: Matrix, weight: TensorPlace, bias: TensorPlace, scratch: Matrix? = nil
  ) {
    let scratch = (scratch ?? self.scratch).reshaped(rows: outputGradient.rows, columns: outputGradient.columns)
    forEachDirection { direction, scores in
      linearDirectional(
        outputGradient: outputGradient, input: input, weight: weight.view(of: direction),
        bias: bias.view(of: direction),
        scratch: scratch, addingTo: scores)
    }
  }

  /// Adds the part of a LayerNorm.
  mutating func layerNorm(
    outputGradient: Matrix, input: Matrix, statistics: Matrix, gain: TensorPlace, bias: TensorPlace
  ) {
    forEachDirection { direction, scores in
      layerNormDirectional(
        outputGradient: outputGradient, input: input, statistics: statistics, gain: gain.view(of: direction),
        bias: bias.view(of: direction), addingTo: scores)
    }
  }

  /// Adds the part of the embeddings, and returns with the pass complete.
  mutating func embedding(
    outputGradient: Matrix, tokens: Span<Int32>, length: Int, tokenTable: TensorPlace, positionTable: TensorPlace
  ) {
    forEachDirection { direction, scores in
      embeddingDirectional(
        outputGradient: outputGradient, tokens: tokens, length: length, tokenTable: tokenTable.view(of: direction),
        positionTable: positionTable.view(of: direction), addingTo: scores)
    }
  }

  /// Counts time that was spent elsewhere for this pass.
  mutating func add(seconds: Double) { self.seconds += seconds }

  private mutating func forEachDirection(_ body: (_ direction: Matrix, _ scores: Matrix) -> Void) {
    let clock = ContinuousClock()
    let start = clock.now
    for index in 0..<directions.rows { body(directions.rows(index, count: 1), scores.rows(index, count: 1)) }
    seconds += start.duration(to: clock.now) / .seconds(1)
  }
}
