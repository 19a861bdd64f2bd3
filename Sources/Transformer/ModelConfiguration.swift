/// The shape of a GPT-2 model.
public struct ModelConfiguration: Equatable, Sendable {
  /// The number of blocks, L.
  public var layers: Int
  /// Attention heads a block, H; divides `width`.
  public var heads: Int
  /// The width of the residual stream, C.
  public var width: Int
  /// The longest sequence, in tokens, T.
  public var context: Int
  /// The number of token ids, V.
  public var vocabularySize: Int

  /// Describes a model.
  public init(layers: Int, heads: Int, width: Int, context: Int, vocabularySize: Int) {
    self.layers = layers
    self.heads = heads
    self.width = width
    self.context = context
    self.vocabularySize = vocabularySize
  }

  /// A named shape, without its vocabulary, which the corpus decides.
  public enum Preset: String, CaseIterable, Sendable {
    /// For tests and the demo: 4 layers, 4 heads, width 128, context 128.
    case nano
    /// For a workstation: 4 layers, 6 heads, width 192, context 128.
    case micro
    /// GPT-2 small: 12 layers, 12 heads, width 768, context 1,024.
    case gpt2Small = "125M"
    /// GPT-2 medium: 24 layers, 16 heads, width 1,024, context 1,024.
    case gpt2Medium = "350M"
    /// GPT-2 large: 36 layers, 20 heads, width 1,280, context 1,024.
    case gpt2Large = "750M"

    /// The shape for a vocabulary of `vocabularySize` tokens.
    public func configuration(vocabularySize: Int) -> ModelConfiguration {
      let (layers, heads, width, context) =
        switch self {
        case .nano: (4, 4, 128, 128)
        case .micro: (4, 6, 192, 128)
        case .gpt2Small: (12, 12, 768, 1024)
        case .gpt2Medium: (24, 16, 1024, 1024)
        case .gpt2Large: (36, 20, 1280, 1024)
        }
      return ModelConfiguration(
        layers: layers, heads: heads, width: width, context: context, vocabularySize: vocabularySize)
    }
  }

  /// Floating-point operations of one token's forward and backward pass in a sequence of `length`: 6 N + 12 L T C, with
  /// N the parameters without position embeddings (Chowdhery et al., arXiv 2204.02311, appendix B).
  public func trainingFlopsPerToken(length: Int) -> Double {
    let parameters = ParameterLayout(self).elementCount - context * width
    return 6 * Double(parameters) + 12 * Double(layers * length * width)
  }
}
