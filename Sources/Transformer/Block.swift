import Kernels

/// The parameters of one block in a row of parameters or of gradients.
///
/// Shapes: LayerNorm vectors (1, C), joint (C, 3 C), projection (C, C), expansion (C, 4 C), contraction (4 C, C), biases (1, out).
struct BlockParameters {
  let firstGain, firstBias: Matrix
  let joint, jointBias: Matrix
  let projection, projectionBias: Matrix
  let secondGain, secondBias: Matrix
  let expansion, expansionBias: Matrix
  let contraction, contractionBias: Matrix

  /// Cuts a block out of `row`; `tensors` are the twelve of this block in layout order.
  init(_ tensors: ArraySlice<ParameterLayout.Tensor>, in row: Matrix) {
    let first = tensors.startIndex
    firstGain = tensors[first].view(of: row)
    firstBias = tensors[first + 1].view(of: row)
    joint = tensors[first + 2].view(of: row)
    jointBias = tensors[first + 3].view(of: row)
    projection = tensors[first + 4].view(of: row)
    projectionBias = tensors[first + 5].view(of: row)
    secondGain = tensors[first + 6].view(of: row)
    secondBias = tensors[first + 7].view(of: row)
    expansion = tensors[first + 8].view(of: row)
    expansionBias = tensors[first + 9].view(of: row)
    contraction = tensors[first + 10].view(of: row)
    contractionBias = tensors[first + 11].view(of: row)
  }
}

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
  /// `activated` (N, 4 C) is working memory.
  func forward(
    _ input: Matrix, _ weights: BlockParameters, _ kept: BlockActivations, activated: Matrix, scratch: Matrix,
    into output: Matrix
  ) {
    attend(input, weights, kept, scratch: scratch)
    linearActivatedForward(
      kept.secondNormal, weight: weights.expansion, bias: weights.expansionBias, into: kept.expanded,
      activated: activated)
    linearForward(
      activated, weight: weights.contraction, bias: weights.contractionBias, residual: kept.middle, into: output)
  }

  /// Computes anew what ``forward(_:_:_:activated:scratch:into:)`` keeps, to the bit, without the output.
  func recompute(_ input: Matrix, _ weights: BlockParameters, _ kept: BlockActivations, scratch: Matrix) {
    attend(input, weights, kept, scratch: scratch)
    linearForward(kept.secondNormal, weight: weights.expansion, bias: weights.expansionBias, into: kept.expanded)
  }

  /// The first half, and the LayerNorm of the second.
  private func attend(_ input: Matrix, _ weights: BlockParameters, _ kept: BlockActivations, scratch: Matrix) {
    layerNormForward(
      input, gain: weights.firstGain, bias: weights.firstBias, statistics: kept.firstStatistics, into: kept.firstNormal)
    linearForward(kept.firstNormal, weight: weights.joint, bias: weights.jointBias, into: kept.joint)
    attention.forward(qkv: kept.joint, normalisers: kept.normalisers, scratch: scratch, into: kept.attended)
    linearForward(
      kept.attended, weight: weights.projection, bias: weights.projectionBias, residual: input, into: kept.middle)
    layerNormForward(
      kept.middle, gain: weights.secondGain, bias: weights.secondBias, statistics: kept.secondStatistics,
      into: kept.secondNormal)
  }

  /// Turns the gradient of the block's output into that of its input, in place in `stream` (N, C), and adds weight gradients, if
  /// there is a place for them, or overwrites them if not `adding`; a directional pass learns of every layer on the way.
  ///
  /// `wide` and `activated` (N, 4 C) and `narrow` (N, C) are working memory; `activated` is that of the pass, too.
  func backward(
    _ stream: Matrix, input: Matrix, _ weights: BlockParameters, _ kept: BlockActivations,
    _ gradients: BlockParameters?, adding: Bool, along pass: inout DirectionalPass?, _ direction: BlockParameters?,
    wide: Matrix, activated: Matrix, narrow: Matrix, scratch: Matrix
  ) {
    if let gradients, !adding {
      clear(gradients.firstGain)
      clear(gradients.firstBias)
      clear(gradients.secondGain)
      clear(gradients.secondBias)
    }
    activatedLinearBackward(
      outputGradient: stream, expanded: kept.expanded, weight: weights.contraction,
      weightGradient: gradients?.contraction, biasGradient: gradients?.contractionBias, activated: activated,
      inputGradient: wide, adding: adding)
    if let direction {
      pass?.linear(
        outputGradient: stream, input: activated, weight: direction.contraction, bias: direction.contractionBias,
        scratch: narrow)
      pass?.linear(
        outputGradient: wide, input: kept.secondNormal, weight: direction.expansion, bias: direction.expansionBias)
    }
    linearBackward(
      outputGradient: wide, input: kept.secondNormal, weight: weights.expansion,
      weightGradient: gradients?.expansion, biasGradient: gradients?.expansionBias, inputGradient: narrow,
      adding: adding)
    if let direction {
      pass?.layerNorm(
        outputGradient: narrow, input: kept.middle, statistics: kept.secondStatistics, gain: direction.secondGain,
        bias: direction.secondBias)
    }
    layerNormBackward(
      outputGradient: narrow, input: kept.middle, gain: weights.secondGain, statistics: kept.secondStatistics,
      gainGradient: gradients?.secondGain, biasGradient: gradients?.secondBias, addingTo: stream)

    if let direction {
      pass?.linear(
        outputGradient: stream, input: kept.attended, weight: direction.projection, bias: direction.projectionBias)
    }
    let joint = wide.reshaped(rows: wide.rows, columns: kept.joint.columns)
    linearBackward(
      outputGradient: stream, input: kept.attended, weight: weights.projection,
      weightGradient: gradients?.projection, biasGradient: gradients?.projectionBias, inputGradient: narrow,
      adding: adding)
    attention.backward(
      outputGradient: narrow, output: kept.attended, qkv: kept.joint, normalisers: kept.normalisers, scratch: scratch,
      qkvGradient: joint)
    linearBackward(
      outputGradient: joint, input: kept.firstNormal, weight: weights.joint,
      weightGradient: gradients?.joint, biasGradient: gradients?.jointBias, inputGradient: narrow, adding: adding)
    if let direction {
      pass?.linear(
        outputGradient: joint, input: kept.firstNormal, weight: direction.joint, bias: direction.jointBias)
      pass?.layerNorm(
        outputGradient: narrow, input: input, statistics: kept.firstStatistics, gain: direction.firstGain,
        bias: direction.firstBias)
    }
    layerNormBackward(
      outputGradient: narrow, input: input, gain: weights.firstGain, statistics: kept.firstStatistics,
      gainGradient: gradients?.firstGain, biasGradient: gradients?.firstBias, addingTo: stream)
  }
}
