import Kernels

/// Where a tensor lies in a row of the layout's length: a plain value, so that the step may copy it.
public struct TensorPlace: BitwiseCopyable, Sendable {
  /// The first element.
  public let offset: Int
  /// The sizes; a vector is one row.
  public let rows, columns: Int

  /// The view of this tensor in one row of the layout's length.
  public func view(of row: Matrix) -> Matrix {
    row.columns(offset, count: rows * columns).reshaped(rows: rows, columns: columns)
  }
}

/// The order, shape and place of every parameter tensor in a flat arena.
///
/// Parameters, gradients and both optimizer moments share one layout. Tensors start on cache lines; the gaps stay zero,
/// so norms, reductions and checksums may run over the whole arena. Names and shapes are Hugging Face's for GPT-2.
public struct ParameterLayout: Sendable {
  /// How a tensor begins.
  public enum Initialization: Sendable, Equatable {
    /// All elements equal to a number.
    case constant(Float)
    /// Normal with mean 0 and this standard deviation.
    case normal(deviation: Float)
  }

  /// One named tensor.
  public struct Tensor: Sendable {
    /// The name, as `transformers` has it without the prefix `transformer.`.
    public let name: String
    /// The sizes: [rows, columns] of a matrix, [columns] of a vector.
    public let shape: [Int]
    /// The first element's place in the arena.
    public let offset: Int
    /// How it begins.
    public let initialization: Initialization

    /// The number of elements.
    public var count: Int { shape.reduce(1, *) }
    /// The places of its elements in the arena.
    public var range: Range<Int> { offset..<(offset + count) }
    /// Whether weight decay applies: to matrices, not to biases and LayerNorm gains.
    public var decays: Bool { shape.count == 2 }

    /// The view of this tensor in an arena of the layout.
    public func view(of arena: borrowing Arena) -> Matrix { place.view(of: arena.row) }

    /// Where it lies.
    var place: TensorPlace {
      TensorPlace(offset: offset, rows: shape.count == 2 ? shape[0] : 1, columns: shape[shape.count - 1])
    }
  }

  /// All tensors, in the order of the arena.
  public private(set) var tensors: [Tensor] = []

  /// The ranges of the arena that a forward pass needs one after the other: the embeddings, four of every block, the
  /// final LayerNorm. They cover the arena, and the backward pass completes their gradients in the opposite order.
  public private(set) var parts: [Range<Int>] = []

  /// The arena's length, gaps included.
  public private(set) var arenaCount = 0

  /// The number of parameters, gaps excluded.
  public var elementCount: Int { tensors.reduce(0) { $0 + $1.count } }

  /// The token embeddings (V, C), which are the output layer, too.
  private(set) var tokenTable: TensorPlace
  /// The position embeddings (T, C).
  private(set) var positionTable: TensorPlace
  /// The tensors of every block.
  private(set) var blocks: [BlockTensors<TensorPlace>] = []
  /// Gain and bias of the final LayerNorm (1, C).
  private(set) var finalGain, finalBias: TensorPlace

  /// Lays out a model: embeddings, blocks in order, final LayerNorm.
  ///
  /// Weights are normal with deviation 0.02, those that write into the residual stream 0.02 / sqrt(2 L) (Radford et
  /// al., 2019).
  public init(_ model: ModelConfiguration) {
    var builder = Builder()
    tokenTable = builder.append("wte.weight", [model.vocabularySize, model.width], .normal(deviation: 0.02))
    positionTable = builder.append("wpe.weight", [model.context, model.width], .normal(deviation: 0.02))
    for layer in 0..<model.layers { blocks.append(builder.appendBlock("h.\(layer).", model)) }
    finalGain = builder.append("ln_f.weight", [model.width], .constant(1))
    finalBias = builder.append("ln_f.bias", [model.width], .constant(0))
    (tensors, arenaCount) = (builder.tensors, builder.arenaCount)

    let firsts = blocks.flatMap { block in BlockPart.allCases.map { block.first(of: $0).offset } }
    let offsets = [0] + firsts + [finalGain.offset, arenaCount]
    parts = zip(offsets, offsets.dropFirst()).map { $0..<$1 }
  }

  /// The range of a part of a block, which is one of ``parts``.
  func range(of part: BlockPart, ofBlock layer: Int) -> Range<Int> {
    parts[1 + BlockPart.allCases.count * layer + part.rawValue]
  }

  /// Fills `parameters` with fresh values that depend on `seed`, tensor and element alone.
  public func initialize(_ parameters: borrowing Arena, seed: UInt64) {
    precondition(parameters.count == arenaCount, "the arena has another layout")
    for (index, tensor) in tensors.enumerated() {
      let view = parameters.matrix(at: tensor.offset, rows: 1, columns: tensor.count)
      switch tensor.initialization {
      case .constant(let value):
        for i in 0..<tensor.count { view[0, i] = value }
      case .normal(let deviation):
        var source = NormalSource(seed: seed, stream: UInt64(index))
        for i in 0..<tensor.count { view[0, i] = Float(source.next()) * deviation }
      }
    }
  }
}

/// Tensors one after the other, each on a cache line.
private struct Builder {
  var tensors: [ParameterLayout.Tensor] = []
  var arenaCount = 0

  mutating func append(
    _ name: String, _ shape: [Int], _ initialization: ParameterLayout.Initialization
  ) -> TensorPlace {
    let tensor = ParameterLayout.Tensor(name: name, shape: shape, offset: arenaCount, initialization: initialization)
    tensors.append(tensor)
    arenaCount = Arena.aligned(arenaCount + tensor.count)
    return tensor.place
  }

  /// Appends the tensors of a block; the order of the arena is the order here.
  mutating func appendBlock(_ block: String, _ model: ModelConfiguration) -> BlockTensors<TensorPlace> {
    let width = model.width
    let inner = ParameterLayout.Initialization.normal(deviation: 0.02)
    let residual = ParameterLayout.Initialization.normal(deviation: 0.02 / Float(2 * model.layers).squareRoot())
    return BlockTensors(
      firstGain: append(block + "ln_1.weight", [width], .constant(1)),
      firstBias: append(block + "ln_1.bias", [width], .constant(0)),
      joint: append(block + "attn.c_attn.weight", [width, 3 * width], inner),
      jointBias: append(block + "attn.c_attn.bias", [3 * width], .constant(0)),
      projection: append(block + "attn.c_proj.weight", [width, width], residual),
      projectionBias: append(block + "attn.c_proj.bias", [width], .constant(0)),
      secondGain: append(block + "ln_2.weight", [width], .constant(1)),
      secondBias: append(block + "ln_2.bias", [width], .constant(0)),
      expansion: append(block + "mlp.c_fc.weight", [width, 4 * width], inner),
      expansionBias: append(block + "mlp.c_fc.bias", [4 * width], .constant(0)),
      contraction: append(block + "mlp.c_proj.weight", [4 * width, width], residual),
      contractionBias: append(block + "mlp.c_proj.bias", [width], .constant(0)))
  }
}
