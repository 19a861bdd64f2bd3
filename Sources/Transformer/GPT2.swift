import Kernels

/// The GPT-2 language model (Radford et al., 2019) with hand-written backward pass.
///
/// The model owns activation memory alone, for micro-batches of up to B sequences of T tokens. Parameters and gradients are
/// arenas of the caller with the model's ``layout``.
///
///     var model = GPT2(configuration, sequences: 4, length: 128)
///     let parameters = Arena(count: model.layout.arenaCount)
///     let gradients = Arena(count: model.layout.arenaCount)
///     model.layout.initialize(parameters, seed: 1)
///     model.forward(windows.span, parameters: parameters)
///     let loss = model.backward(parameters: parameters, gradients: gradients, scale: scale)
public struct GPT2: ~Copyable {
  /// The shape of the model.
  public let configuration: ModelConfiguration
  /// The order and place of its parameters.
  public let layout: ParameterLayout
  /// The most sequences in a micro-batch.
  public var capacity: Int { workspace.capacity }
  /// Tokens in a sequence, T.
  public var length: Int { workspace.length }

  /// Seconds that backward passes have spent on directions, all together.
  public private(set) var directionSeconds = 0.0

  private var workspace: Workspace
  private var inputs: TokenBuffer
  private var targets: TokenBuffer

  /// Makes a model with activation memory for micro-batches of at most `sequences` sequences of `length` tokens.
  ///
  /// - Parameter recomputing: Whether to keep only the input of every block and compute the rest again in the backward pass
  ///   (Chen et al., arXiv 1604.06174): a sixth more arithmetic for a tenth of the memory, and the same bits.
  /// - Precondition: `length` is at most the context, and heads divide the width.
  public init(_ configuration: ModelConfiguration, sequences: Int, length: Int, recomputing: Bool = false) {
    precondition(length >= 1 && length <= configuration.context, "a sequence is longer than the context")
    precondition(configuration.width % configuration.heads == 0, "heads must divide the width")
    self.configuration = configuration
    layout = ParameterLayout(configuration)
    workspace = Workspace(configuration, sequences: sequences, length: length, recomputing: recomputing)
    inputs = TokenBuffer(capacity: sequences * length)
    targets = TokenBuffer(capacity: sequences * length)
  }

  /// Bytes of activation memory that a model of this shape and micro-batch allocates.
  public static func activationBytes(
    _ configuration: ModelConfiguration, sequences: Int, length: Int, recomputing: Bool = false
  ) -> Int {
    Workspace.count(configuration, sequences: sequences, length: length, recomputing: recomputing)
      * MemoryLayout<Float>.stride
  }

  /// Runs a micro-batch up to the final LayerNorm, keeping what ``backward(parameters:gradients:scale:)`` needs.
  ///
  /// - Parameter windows: B windows of T + 1 tokens, one after the other; a window's first T tokens predict its last T.
  /// - Precondition: B is from 1 to ``capacity``, and every id is in the vocabulary.
  public mutating func forward(_ windows: Span<Int32>, parameters: borrowing Arena) {
    forward(windows, parameters: parameters.row) { _ in }
  }

  /// The same with parameters that become valid while the pass goes on.
  ///
  /// - Parameters:
  ///   - parameters: One row with the model's ``layout``.
  ///   - needing: Called with each of ``ParameterLayout/parts`` in turn, before the parameters there are read.
  public mutating func forward(
    _ windows: Span<Int32>, parameters: Matrix, needing: (Range<Int>) throws -> Void
  ) rethrows {
    let sequences = windows.count / (length + 1)
    precondition(
      sequences * (length + 1) == windows.count && (1...capacity).contains(sequences), "B windows of T + 1 tokens")
    precondition(parameters.columns == layout.arenaCount, "parameters of another layout")
    workspace.sequences = sequences
    inputs.copy(windows, from: 0, sequences: sequences, length: length)
    targets.copy(windows, from: 1, sequences: sequences, length: length)
    try needing(layout.parts.first!)
    embeddingForward(
      tokens: inputs.span, sequences: sequences, length: length,
      tokenTable: layout.tensors[0].view(of: parameters), positionTable: layout.tensors[1].view(of: parameters),
      into: workspace.stream(0))
    let block = block
    for layer in 0..<configuration.layers {
      try block.forward(
        workspace.stream(layer), blockParameters(layer, parameters), workspace.block(layer),
        activated: workspace.activated, scratch: workspace.attentionScratch, into: workspace.stream(layer + 1)
      ) { try needing(layout.range(of: $0, ofBlock: layer)) }
    }
    try needing(layout.parts.last!)
    layerNormForward(
      workspace.stream(configuration.layers), gain: finalGain.view(of: parameters),
      bias: finalBias.view(of: parameters),
      statistics: workspace.finalStatistics, into: workspace.finalNormal)
  }

  /// Computes the loss of the micro-batch that ``forward(_:parameters:)`` saw last and adds the gradients of `scale` times
  /// its sum over tokens to `gradients`.
  ///
  /// - Returns: The sum of the losses of all B T tokens, in nats.
  public mutating func backward(parameters: borrowing Arena, gradients: borrowing Arena, scale: Float) -> Double {
    backward(parameters: parameters, gradients: gradients.row, adding: true, scale: scale) { _ in }
  }

  /// Computes the loss of the micro-batch that ``forward(_:parameters:)`` saw last, and the gradients of `scale` times its sum
  /// over tokens.
  ///
  /// - Parameters:
  ///   - gradients: One row with the model's ``layout``.
  ///   - adding: Whether to add to what the row holds. Otherwise that is overwritten, and need not be cleared before.
  ///   - direction: A row with the same layout, to compute ``score(ofSequence:)`` along; that changes no gradient by a bit.
  ///   - completed: Called with each of ``ParameterLayout/parts`` from the last on, as soon as the gradients there are final.
  /// - Returns: The sum of the losses of all B T tokens, in nats.
  public mutating func backward(
    parameters: borrowing Arena, gradients: Matrix, adding: Bool, scale: Float, along direction: Matrix? = nil,
    completed: (Range<Int>) throws -> Void
  ) rethrows -> Double {
    try backward(
      parameters: parameters, storing: gradients, adding: adding, scale: scale, along: direction, completed: completed)
  }

  /// Computes the loss of the micro-batch that ``forward(_:parameters:)`` saw last, and its ``score(ofSequence:)`` along a direction,
  /// without forming any weight gradient.
  ///
  /// - Returns: The sum of the losses of all B T tokens, in nats.
  public mutating func score(parameters: borrowing Arena, along direction: Matrix, scale: Float) -> Double {
    backward(parameters: parameters, storing: nil, adding: false, scale: scale, along: direction) { _ in }
  }

  /// The derivative of `scale` times the summed loss of a sequence along the direction of the last backward pass that had one.
  public func score(ofSequence index: Int) -> Double { sum(workspace.scores.columns(index * length, count: length)) }

  private mutating func backward(
    parameters: borrowing Arena, storing gradients: Matrix?, adding: Bool, scale: Float, along direction: Matrix?,
    completed: (Range<Int>) throws -> Void
  ) rethrows -> Double {
    precondition((gradients ?? direction)?.columns == layout.arenaCount, "a row of another layout")
    precondition(direction == nil || direction?.columns == layout.arenaCount, "a direction of another layout")
    let table = layout.tensors[0]
    var pass = direction == nil ? nil : DirectionalPass(scores: workspace.scores, scratch: workspace.activated)
    if let gradients, !adding {
      clear(layout.tensors[1].view(of: gradients))
      clear(finalGain.view(of: gradients))
      clear(finalBias.view(of: gradients))
    }
    let head = table.view(of: direction)
    let seconds = CrossEntropyHead.forwardBackward(
      hidden: workspace.finalNormal, table: table.view(of: parameters), targets: targets.span, scale: scale,
      losses: workspace.losses, scratch: workspace.headScratch,
      hiddenGradient: workspace.narrow, tableGradient: table.view(of: gradients), adding: adding,
      direction: head == nil ? nil : (head!, workspace.gradient, workspace.scores))
    pass?.add(seconds: seconds)
    let stream = workspace.gradient
    clear(stream)
    if let direction {
      pass?.layerNorm(
        outputGradient: workspace.narrow, input: workspace.stream(configuration.layers),
        statistics: workspace.finalStatistics, gain: finalGain.view(of: direction), bias: finalBias.view(of: direction))
    }
    layerNormBackward(
      outputGradient: workspace.narrow, input: workspace.stream(configuration.layers),
      gain: finalGain.view(of: parameters), statistics: workspace.finalStatistics,
      gainGradient: finalGain.view(of: gradients), biasGradient: finalBias.view(of: gradients), addingTo: stream)
    try completed(layout.parts.last!)
    let block = block
    for layer in (0..<configuration.layers).reversed() {
      let weights = blockParameters(layer, parameters.row)
      // The last block's activations are still those of the forward pass.
      if workspace.recomputing && layer < configuration.layers - 1 {
        block.recompute(
          workspace.stream(layer), weights, workspace.block(layer), scratch: workspace.attentionScratch)
      }
      try block.backward(
        stream, input: workspace.stream(layer), weights, workspace.block(layer),
        blockParameters(layer, gradients), adding: adding,
        along: &pass, blockParameters(layer, direction), wide: workspace.wide, activated: workspace.activated,
        narrow: workspace.narrow, scratch: workspace.attentionScratch
      ) { try completed(layout.range(of: $0, ofBlock: layer)) }
    }
    if let direction {
      pass?.embedding(
        outputGradient: stream, tokens: inputs.span, length: length, tokenTable: table.view(of: direction),
        positionTable: layout.tensors[1].view(of: direction))
    }
    if let gradients {
      embeddingBackward(
        outputGradient: stream, tokens: inputs.span, sequences: workspace.sequences, length: length,
        tokenGradient: table.view(of: gradients), positionGradient: layout.tensors[1].view(of: gradients))
    }
    try completed(layout.parts.first!)
    directionSeconds += pass?.seconds ?? 0
    return sum(workspace.losses)
  }

  /// Computes the loss of every token of a micro-batch, laid out as in ``forward(_:parameters:)``, into ``losses``.
  public mutating func evaluate(_ windows: Span<Int32>, parameters: borrowing Arena) {
    forward(windows, parameters: parameters)
    CrossEntropyHead.forward(
      hidden: workspace.finalNormal, table: layout.tensors[0].view(of: parameters), targets: targets.span,
      losses: workspace.losses, scratch: workspace.headScratch)
  }

  /// The loss of every token (B, T) of the last ``evaluate(_:parameters:)`` or backward pass, in nats.
  public var losses: Matrix { workspace.losses.reshaped(rows: workspace.sequences, columns: length) }

  private var block: Block {
    Block(attention: CausalAttention(sequences: workspace.sequences, length: length, heads: configuration.heads))
  }

  private func blockParameters(_ layer: Int, _ row: Matrix?) -> BlockParameters? {
    guard let row else { return nil }
    let parameters: BlockParameters = blockParameters(layer, row)
    return parameters
  }

  private func blockParameters(_ layer: Int, _ row: Matrix) -> BlockParameters {
    let first = 2 + 12 * layer
    return BlockParameters(layout.tensors[first..<(first + 12)], in: row)
  }

  private var finalGain: ParameterLayout.Tensor { layout.tensors[layout.tensors.count - 2] }
  private var finalBias: ParameterLayout.Tensor { layout.tensors[layout.tensors.count - 1] }
}
