import Kernels

/// Working memory of a backward pass, which may hold anything between blocks.
struct BackwardScratch {
  /// (N, 4 C) each; `activated` is the directional pass's, too.
  let wide, activated: Matrix
  /// (N, C).
  let narrow: Matrix
  let attention: Matrix
}

/// The backward pass of one block: turns the gradient of its output into that of its input, in place in `stream` (N,
/// C).
///
/// Weight gradients are added, if there is a place for them, or written if not `adding`. A directional pass learns of
/// every layer on the way, and `completed` is called with each part whose weight gradients are final.
struct BlockBackward {
  let attention: CausalAttention
  let input: Matrix
  let weights: BlockTensors<Matrix>
  let kept: BlockActivations
  let gradients: BlockTensors<Matrix>?
  let adding: Bool
  /// Where the block's tensors lie in the rows of directions.
  let places: BlockTensors<TensorPlace>
  let scratch: BackwardScratch

  func run(
    _ stream: Matrix, along pass: inout DirectionalPass?, completed: (BlockPart) throws -> Void
  ) rethrows {
    if let gradients, !adding {
      clear(gradients.firstGain)
      clear(gradients.firstBias)
      clear(gradients.secondGain)
      clear(gradients.secondBias)
    }
    try perceptron(stream, along: &pass, completed: completed)
    try attention(stream, along: &pass, completed: completed)
  }

  /// The second half: x + perceptron(LN(x)).
  private func perceptron(
    _ stream: Matrix, along pass: inout DirectionalPass?, completed: (BlockPart) throws -> Void
  ) rethrows {
    let (wide, activated, narrow) = (scratch.wide, scratch.activated, scratch.narrow)
    activatedLinearBackward(
      outputGradient: stream, expanded: kept.expanded, weight: weights.contraction,
      weightGradient: gradients?.contraction, biasGradient: gradients?.contractionBias, activated: activated,
      inputGradient: wide, adding: adding)
    try completed(.contraction)
    pass?.linear(
      outputGradient: stream, input: activated, weight: places.contraction, bias: places.contractionBias,
      scratch: narrow)
    pass?.linear(
      outputGradient: wide, input: kept.secondNormal, weight: places.expansion, bias: places.expansionBias)
    linearBackward(
      outputGradient: wide, input: kept.secondNormal, weight: weights.expansion,
      weightGradient: gradients?.expansion, biasGradient: gradients?.expansionBias, inputGradient: narrow,
      adding: adding)
    pass?.layerNorm(
      outputGradient: narrow, input: kept.middle, statistics: kept.secondStatistics, gain: places.secondGain,
      bias: places.secondBias)
    layerNormBackward(
      outputGradient: narrow, input: kept.middle, gain: weights.secondGain, statistics: kept.secondStatistics,
      gainGradient: gradients?.secondGain, biasGradient: gradients?.secondBias, addingTo: stream)
    try completed(.expansion)
  }

  /// The first half: x + attention(LN(x)).
  private func attention(
    _ stream: Matrix, along pass: inout DirectionalPass?, completed: (BlockPart) throws -> Void
  ) rethrows {
    let narrow = scratch.narrow
    pass?.linear(
      outputGradient: stream, input: kept.attended, weight: places.projection, bias: places.projectionBias)
    let joint = scratch.wide.reshaped(rows: scratch.wide.rows, columns: kept.joint.columns)
    linearBackward(
      outputGradient: stream, input: kept.attended, weight: weights.projection,
      weightGradient: gradients?.projection, biasGradient: gradients?.projectionBias, inputGradient: narrow,
      adding: adding)
    try completed(.projection)
    attention.backward(
      outputGradient: narrow, output: kept.attended, qkv: kept.joint, normalisers: kept.normalisers,
      scratch: scratch.attention, qkvGradient: joint)
    linearBackward(
      outputGradient: joint, input: kept.firstNormal, weight: weights.joint,
      weightGradient: gradients?.joint, biasGradient: gradients?.jointBias, inputGradient: narrow, adding: adding)
    pass?.linear(outputGradient: joint, input: kept.firstNormal, weight: places.joint, bias: places.jointBias)
    pass?.layerNorm(
      outputGradient: narrow, input: input, statistics: kept.firstStatistics, gain: places.firstGain,
      bias: places.firstBias)
    layerNormBackward(
      outputGradient: narrow, input: input, gain: weights.firstGain, statistics: kept.firstStatistics,
      gainGradient: gradients?.firstGain, biasGradient: gradients?.firstBias, addingTo: stream)
    try completed(.joint)
  }
}
