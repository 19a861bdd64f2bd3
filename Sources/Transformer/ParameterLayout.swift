import Kernels

/// The order, shape and place of every parameter tensor in a flat arena.
///
/// Parameters, gradients and both optimizer moments share one layout. Tensors start on cache lines; the gaps stay zero, so
/// norms, reductions and checksums may run over the whole arena. Names and shapes are Hugging Face's for GPT-2.
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
    public func view(of arena: borrowing Arena) -> Matrix { view(of: arena.row) }

    /// The view of this tensor in one row of the layout's length, if there is such a row.
    func view(of row: Matrix?) -> Matrix? {
      guard let row else { return nil }
      let view: Matrix = view(of: row)
      return view
    }

    /// The view of this tensor in one row of the layout's length.
    public func view(of row: Matrix) -> Matrix {
      row.columns(offset, count: count).reshaped(rows: shape.count == 2 ? shape[0] : 1, columns: shape[shape.count - 1])
    }
  }

  /// All tensors, in the order of the arena.
  public private(set) var tensors: [Tensor] = []

  /// The ranges of the arena that a forward pass needs one after the other: the embeddings, four of every block, the final
  /// LayerNorm. They cover the arena, and the backward pass completes their gradients in the opposite order.
  public private(set) var parts: [Range<Int>] = []

  /// The arena's length, gaps included.
  public private(set) var arenaCount = 0

  /// The number of parameters, gaps excluded.
  public var elementCount: Int { tensors.reduce(0) { $0 + $1.count } }

  /// Lays out a model: embeddings, blocks in order, final LayerNorm.
  ///
  /// Weights are normal with deviation 0.02, those that write into the residual stream 0.02 / sqrt(2 L) (Radford et al., 2019).
  public init(_ model: ModelConfiguration) {
    let width = model.width
    let inner = Initialization.normal(deviation: 0.02)
    let residual = Initialization.normal(deviation: 0.02 / Float(2 * model.layers).squareRoot())
    append("wte.weight", [model.vocabularySize, width], inner)
    append("wpe.weight", [model.context, width], inner)
    for layer in 0..<model.layers {
      let block = "h.\(layer)."
      append(block + "ln_1.weight", [width], .constant(1))
      append(block + "ln_1.bias", [width], .constant(0))
      append(block + "attn.c_attn.weight", [width, 3 * width], inner)
      append(block + "attn.c_attn.bias", [3 * width], .constant(0))
      append(block + "attn.c_proj.weight", [width, width], residual)
      append(block + "attn.c_proj.bias", [width], .constant(0))
      append(block + "ln_2.weight", [width], .constant(1))
      append(block + "ln_2.bias", [width], .constant(0))
      append(block + "mlp.c_fc.weight", [width, 4 * width], inner)
      append(block + "mlp.c_fc.bias", [4 * width], .constant(0))
      append(block + "mlp.c_proj.weight", [4 * width, width], residual)
      append(block + "mlp.c_proj.bias", [width], .constant(0))
    }
    append("ln_f.weight", [width], .constant(1))
    append("ln_f.bias", [width], .constant(0))

    let firsts = (0..<model.layers).flatMap { layer in BlockPart.allCases.map { 2 + 12 * layer + $0.firstTensor } }
    let offsets = [0] + (firsts + [tensors.count - 2]).map { tensors[$0].offset } + [arenaCount]
    parts = zip(offsets, offsets.dropFirst()).map { $0..<$1 }
  }

  /// The range of a part of a block, which is one of ``parts``.
  func range(of part: BlockPart, ofBlock layer: Int) -> Range<Int> {
    parts[1 + BlockPart.allCases.count * layer + part.rawValue]
  }

  private mutating func append(_ name: String, _ shape: [Int], _ initialization: Initialization) {
    let tensor = Tensor(name: name, shape: shape, offset: arenaCount, initialization: initialization)
    tensors.append(tensor)
    arenaCount = Arena.aligned(arenaCount + tensor.count)
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
