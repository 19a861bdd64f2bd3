import Kernels

/// One thing for each of the twelve tensors of a block, such as its place in the arena or a view of it.
///
/// Shapes: LayerNorm vectors (1, C), joint (C, 3 C), projection (C, C), expansion (C, 4 C), contraction (4 C, C),
/// biases (1, out).
struct BlockTensors<Element: BitwiseCopyable>: BitwiseCopyable {
  let firstGain, firstBias: Element
  let joint, jointBias: Element
  let projection, projectionBias: Element
  let secondGain, secondBias: Element
  let expansion, expansionBias: Element
  let contraction, contractionBias: Element

  /// The first tensor of a part.
  func first(of part: BlockPart) -> Element {
    switch part {
    case .joint: firstGain
    case .projection: projection
    case .expansion: secondGain
    case .contraction: contraction
    }
  }
}

extension BlockTensors: Sendable where Element: Sendable {}

/// The parts of a block's parameters, in the order of the arena: three of them a linear layer and the LayerNorm in
/// front of it, if any.
enum BlockPart: Int, CaseIterable {
  case joint, projection, expansion, contraction
}

extension BlockTensors<TensorPlace> {
  /// The views of the tensors in one row of the layout's length.
  func views(of row: Matrix) -> BlockTensors<Matrix> {
    BlockTensors<Matrix>(
      firstGain: firstGain.view(of: row), firstBias: firstBias.view(of: row), joint: joint.view(of: row),
      jointBias: jointBias.view(of: row), projection: projection.view(of: row),
      projectionBias: projectionBias.view(of: row), secondGain: secondGain.view(of: row),
      secondBias: secondBias.view(of: row), expansion: expansion.view(of: row),
      expansionBias: expansionBias.view(of: row),
      contraction: contraction.view(of: row), contractionBias: contractionBias.view(of: row))
  }
}
