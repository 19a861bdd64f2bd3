import Kernels

/// The GPT-2 language model (Radford et al., 2019) with hand-written backward pass, for micro-batches of one size.
///
/// The model owns activation memory alone. Parameters and gradients are arenas of the caller with the model's ``layout``.
///
///     var model = GPT2(configuration, sequences: 4, length: 128)
///     let parameters = Arena(count: model.layout.arenaCount)
///     model.layout.initialize(parameters, seed: 1)
///     let loss = model.forwardBackward(inputs, targets, parameters: parameters, gradients: gradients, scale: scale)
public struct GPT2: ~Copyable {
  /// The shape of the model.
  public let configuration: ModelConfiguration
  /// The order and place of its parameters.
  public let layout: ParameterLayout
  /// Sequences in a micro-batch, B.
  public var sequences: Int { workspace.sequences }
  /// Tokens in a sequence, T.
  public var length: Int { workspace.length }

  private let workspace: Workspace
  private var inputs: TokenBuffer
  private var targets: TokenBuffer

  /// Makes a model with activation memory for micro-batches of `sequences` sequences of `length` tokens.
  ///
  /// - Precondition: `length` is at most the context, and heads divide the width.
  public init(_ configuration: ModelConfiguration, sequences: Int, length: Int) {
    precondition(length >= 1 && length <= configuration.context, "a sequence is longer than the context")
    precondition(configuration.width % configuration.heads == 0, "heads must divide the width")
    self.configuration = configuration
    layout = ParameterLayout(configuration)
    workspace = Workspace(configuration, sequences: sequences, length: length)
    inputs = TokenBuffer(count: sequences * length)
    targets = TokenBuffer(count: sequences * length)
  }

  /// Bytes of activation memory that a model of this shape and micro-batch allocates.
  public static func activationBytes(_ configuration: ModelConfiguration, sequences: Int, length: Int) -> Int {
    Workspace.count(configuration, sequences: sequences, length: length) * MemoryLayout<Float>.stride
  }

  /// The loss of every token after a pass (1, B T), in nats, sequence by sequence.
  public var losses: Matrix { workspace.losses }

  /// Computes the loss of a micro-batch and adds `scale` times the gradient of its sum over tokens to `gradients`.
  ///
  /// - Parameter windows: B windows of T + 1 tokens, one after the other; a window's first T tokens predict its last T.
  /// - Returns: The sum of the losses of all B T tokens, in nats.
  public mutating func forwardBackward(
    _ windows: Span<Int32>, parameters: borrowing Arena, gradients: borrowing Arena, scale: Float
  ) -> Double {
    forward(windows, parameters)
    CrossEntropyHead.forwardBackward(
      hidden: workspace.finalNormal, table: layout.tensors[0].view(of: parameters), targets: targets.span, scale: scale,
      losses: workspace.losses, scratch: workspace.headScratch,
      hiddenGradient: workspace.narrow, tableGradient: layout.tensors[0].view(of: gradients))
    backward(parameters, gradients)
    return sum(workspace.losses)
  }

  /// Computes the loss of a micro-batch, whose layout is that of ``forwardBackward(_:parameters:gradients:scale:)``.
  ///
  /// - Returns: The sum of the losses of all B T tokens, in nats; each is in ``losses``.
  public mutating func loss(_ windows: Span<Int32>, parameters: borrowing Arena) -> Double {
    forward(windows, parameters)
    CrossEntropyHead.forward(
      hidden: workspace.finalNormal, table: layout.tensors[0].view(of: parameters), targets: targets.span,
      losses: workspace.losses, scratch: workspace.headScratch)
    return sum(workspace.losses)
  }

  // MARK: Passes

  private var block: Block {
    Block(attention: CausalAttention(sequences: sequences, length: length, heads: configuration.heads))
  }

  private mutating func forward(_ windows: Span<Int32>, _ parameters: borrowing Arena) {
    precondition(windows.count == sequences * (length + 1), "B windows of T + 1 tokens")
    precondition(parameters.count == layout.arenaCount, "parameters of another layout")
    inputs.copy(windows, from: 0, sequences: sequences, length: length)
    targets.copy(windows, from: 1, sequences: sequences, length: length)
    embeddingForward(
      tokens: inputs.span, sequences: sequences, length: length,
      tokenTable: layout.tensors[0].view(of: parameters), positionTable: layout.tensors[1].view(of: parameters),
      into: workspace.stream(0))
    for layer in 0..<configuration.layers {
      block.forward(
        workspace.stream(layer), blockParameters(layer, parameters), workspace.block(layer),
        scratch: workspace.attentionScratch, into: workspace.stream(layer + 1))
    }
    layerNormForward(
      workspace.stream(configuration.layers), gain: finalGain.view(of: parameters), bias: finalBias.view(of: parameters),
      statistics: workspace.finalStatistics, into: workspace.finalNormal)
  }

  /// Goes back from the gradient of the final LayerNorm's output, which the head left in `narrow`.
  private mutating func backward(_ parameters: borrowing Arena, _ gradients: borrowing Arena) {
    precondition(gradients.count == layout.arenaCount, "gradients of another layout")
    let stream = workspace.gradient
    clear(stream)
    layerNormBackward(
      outputGradient: workspace.narrow, input: workspace.stream(configuration.layers),
      gain: finalGain.view(of: parameters), statistics: workspace.finalStatistics,
      gainGradient: finalGain.view(of: gradients), biasGradient: finalBias.view(of: gradients), addingTo: stream)
    for layer in (0..<configuration.layers).reversed() {
      block.backward(
        stream, input: workspace.stream(layer), blockParameters(layer, parameters), workspace.block(layer),
        blockParameters(layer, gradients), wide: workspace.wide, narrow: workspace.narrow,
        scratch: workspace.attentionScratch)
    }
    embeddingBackward(
      outputGradient: stream, tokens: inputs.span, sequences: sequences, length: length,
      tokenGradient: layout.tensors[0].view(of: gradients), positionGradient: layout.tensors[1].view(of: gradients))
  }

  private func blockParameters(_ layer: Int, _ arena: borrowing Arena) -> BlockParameters {
    let first = 2 + 12 * layer
    return BlockParameters(layout.tensors[first..<(first + 12)], in: arena)
  }

  private var finalGain: ParameterLayout.Tensor { layout.tensors[layout.tensors.count - 2] }
  private var finalBias: ParameterLayout.Tensor { layout.tensors[layout.tensors.count - 1] }
}
