import Kernels

/// The alignment pass that rides on a backward pass: the derivative of every token's loss along a direction.
///
/// The direction is one row of the parameters' layout, such as a target's gradient. Each layer adds its part to the token's score
/// as soon as the gradient of its output is known; no weight gradient is needed for it. Summed over a sequence, scores are the
/// inner product of the sequence's gradient with the direction.
struct DirectionalPass {
  /// The derivative of every token's loss so far (1, N).
  let scores: Matrix
  /// Working memory (N, 4 C) that may hold anything between layers.
  let scratch: Matrix
  /// Seconds that the pass took so far: its whole cost beside the backward pass.
  private(set) var seconds = 0.0

  init(scores: Matrix, scratch: Matrix) {
    self.scores = scores
    self.scratch = scratch
    clear(scores)
  }

  /// Adds the part of a linear layer; shapes as in ``linearDirectional(outputGradient:input:weight:bias:scratch:addingTo:)``.
  mutating func linear(outputGradient: Matrix, input: Matrix, weight: Matrix, bias: Matrix, scratch: Matrix? = nil) {
    let scratch = (scratch ?? self.scratch).reshaped(rows: outputGradient.rows, columns: outputGradient.columns)
    timed { [scores] in
      linearDirectional(
        outputGradient: outputGradient, input: input, weight: weight, bias: bias, scratch: scratch, addingTo: scores)
    }
  }

  /// Adds the part of a LayerNorm.
  mutating func layerNorm(outputGradient: Matrix, input: Matrix, statistics: Matrix, gain: Matrix, bias: Matrix) {
    timed { [scores] in
      layerNormDirectional(
        outputGradient: outputGradient, input: input, statistics: statistics, gain: gain, bias: bias, addingTo: scores)
    }
  }

  /// Adds the part of the embeddings, and returns with the pass complete.
  mutating func embedding(
    outputGradient: Matrix, tokens: Span<Int32>, length: Int, tokenTable: Matrix, positionTable: Matrix
  ) {
    timed { [scores] in
      embeddingDirectional(
        outputGradient: outputGradient, tokens: tokens, length: length, tokenTable: tokenTable,
        positionTable: positionTable, addingTo: scores)
    }
  }

  /// Counts time that was spent elsewhere for this pass.
  mutating func add(seconds: Double) { self.seconds += seconds }

  private mutating func timed(_ body: () -> Void) {
    let clock = ContinuousClock()
    seconds += clock.measure(body) / .seconds(1)
  }
}
