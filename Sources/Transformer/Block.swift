import Kernels

/// What one block's forward pass keeps for its backward pass, N = B T rows each.
struct BlockActivations {
  /// The first LayerNorm's output (N, C) and statistics (2, N).
  let firstNormal, firstStatistics: Matrix
  /// Queries, keys and values (N, 3 C).
  let joint: Matrix
  /// The log-normalisers of attention (B H, T) and its output (N, C).
  let normalisers, attended: Matrix
  /// The residual stream between the halves (N, C).
  let middle: Matrix
  /// The second LayerNorm's output (N, C) and statistics (2, N).
  let secondNormal, secondStatistics: Matrix
  /// The perceptron before GELU (N, 4 C).
  let expanded: Matrix
}

/// One pre-LayerNorm transformer block: x + attention(LN(x)), then x + perceptron(LN(x)).
struct Block {
  let attention: CausalAttention

  /// Computes the block's output from its input, both (N, C).
  ///
  /// `activated` (N, 4 C) is working memory. `needing` is called before a part of the parameters is read.
  func forward(
    _ input: Matrix, _ weights: BlockTensors<Matrix>, _ kept: BlockActivations, activated: Matrix, scratch: Matrix,
    into output: Matrix, needing: (BlockPart) throws -> Void
  ) rethrows {
    try attend(input, weights, kept, scratch: scratch, needing: needing)
    linearActivatedForward(
      kept.secondNormal, weight: weights.expansion, bias: weights.expansionBias, into: kept.expanded,
      activated: activated)
    try needing(.contraction)
    linearForward(
      activated, weight: weights.contraction, bias: weights.contractionBias, residual: kept.middle, into: output)
  }

  /// Computes anew what ``forward(_:_:_:activated:scratch:into:needing:)`` keeps, to the bit, without the output.
  func recompute(_ input: Matrix, _ weights: BlockTensors<Matrix>, _ kept: BlockActivations, scratch: Matrix) {
    attend(input, weights, kept, scratch: scratch) { _ in }
    linearForward(kept.secondNormal, weight: weights.expansion, bias: weights.expansionBias, into: kept.expanded)
  }

  /// The first half, and the LayerNorm of the second.
  private func attend(
    _ input: Matrix, _ weights: BlockTensors<Matrix>, _ kept: BlockActivations, scratch: Matrix,
    needing: (BlockPart) throws -> Void
  ) rethrows {
    try needing(.joint)
    layerNormForward(
      input, gain: weights.firstGain, bias: weights.firstBias, statistics: kept.firstStatistics, into: kept.firstNormal)
    linearForward(kept.firstNormal, weight: weights.joint, bias: weights.jointBias, into: kept.joint)
    attention.forward(qkv: kept.joint, normalisers: kept.normalisers, scratch: scratch, into: kept.attended)
    try needing(.projection)
    linearForward(
      kept.attended, weight: weights.projection, bias: weights.projectionBias, residual: input, into: kept.middle)
    try needing(.expansion)
    layerNormForward(
      kept.middle, gain: weights.secondGain, bias: weights.secondBias, statistics: kept.secondStatistics,
      into: kept.secondNormal)
  }
}
