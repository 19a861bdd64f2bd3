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

/// The parts of a block's parameters, in the order of the arena, each a linear layer and the LayerNorm in front of it.
enum BlockPart: Int, CaseIterable {
  case joint, projection, expansion, contraction

  /// The first of the twelve tensors of a block that belongs to the part.
  var firstTensor: Int {
    switch self {
    case .joint: 0
    case .projection: 4
    case .expansion: 6
    case .contraction: 10
    }
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
  /// `activated` (N, 4 C) is working memory. `needing` is called before a part of the parameters is read.
  func forward(
    _ input: Matrix, _ weights: BlockParameters, _ kept: BlockActivations, activated: Matrix, scratch: Matrix,
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
  func recompute(_ input: Matrix, _ weights: BlockParameters, _ kept: BlockActivations, scratch: Matrix) {
    attend(input, weights, kept, scratch: scratch) { _ in }
    linearForward(kept.secondNormal, weight: weights.expansion, bias: weights.expansionBias, into: kept.expanded)
  }

  /// The first half, and the LayerNorm of the second.
  private func attend(
    _ input: Matrix, _ weights: BlockParameters, _ kept: BlockActivations, scratch: Matrix,
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

  /// Turns the gradient of the block's output into that of its input, in place in `stream` (N, C), and adds weight gradients, if
  /// there is a place for them, or overwrites them if not `adding`; a directional pass learns of every layer on the way, and
  /// `completed` is called with each part whose weight gradients are final.
  ///
  /// `wide` and `activated` (N, 4 C) and `narrow` (N, C) are working memory; `activated` is that of the pass, too.
  func backward(
    _ stream: Matrix, input: Matrix, _ weights: BlockParameters, _ kept: BlockActivations,
    _ gradients: BlockParameters?, adding: Bool, along pass: inout DirectionalPass?, _ direction: BlockParameters?,
    wide: Matrix, activated: Matrix, narrow: Matrix, scratch: Matrix, completed: (BlockPart) throws -> Void
  ) rethrows {
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
    try completed(.contraction)
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
    try completed(.expansion)

    if let direction {
      pass?.linear(
        outputGradient: stream, input: kept.attended, weight: direction.projection, bias: direction.projectionBias)
    }
    let joint = wide.reshaped(rows: wide.rows, columns: kept.joint.columns)
    linearBackward(
      outputGradient: stream, input: kept.attended, weight: weights.projection,
      weightGradient: gradients?.projection, biasGradient: gradients?.projectionBias, inputGradient: narrow,
      adding: adding)
    try completed(.projection)
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
    try completed(.joint)
  }
}
