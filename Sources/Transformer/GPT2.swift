import Kernels

/// The GPT-2 language model (Radford et al., 2019) with hand-written backward pass.
///
/// The model owns activation memory alone, for micro-batches of up to B sequences of T tokens. Parameters and gradients
/// are arenas of the caller with the model's ``layout``.
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

  var workspace: Workspace
  private var inputs: TokenBuffer
  private var targets: TokenBuffer

  /// Makes a model with activation memory for micro-batches of at most `sequences` sequences of `length` tokens.
  ///
  /// - Parameters:
  ///   - directions: The most directions that sequences are scored along at once.
  ///   - recomputing: Whether to keep only the input of every block and compute the rest again in the backward pass
  ///     (Chen et al., arXiv 1604.06174): a sixth more arithmetic for a tenth of the memory, and the same bits.
  /// - Precondition: `length` is at most the context, and heads divide the width.
  public init(
    _ configuration: ModelConfiguration, sequences: Int, length: Int, directions: Int = 1, recomputing: Bool = false
  ) {
    precondition(length >= 1 && length <= configuration.context, "a sequence is longer than the context")
    precondition(configuration.width % configuration.heads == 0, "heads must divide the width")
    self.configuration = configuration
    layout = ParameterLayout(configuration)
    workspace = Workspace(
      configuration, sequences: sequences, length: length, directions: directions, recomputing: recomputing)
    inputs = TokenBuffer(capacity: sequences * length)
    targets = TokenBuffer(capacity: sequences * length)
  }

  /// Gives the sequences to come another length, with room for more of them where they are shorter.
  ///
  /// - Precondition: `length` is from 1 to the length that the model was made with.
  public mutating func reshape(length: Int) {
    precondition((1...workspace.longest).contains(length), "a sequence is longer than there is room for")
    workspace.length = length
  }

  /// Bytes of activation memory that a model of this shape and micro-batch allocates.
  public static func activationBytes(
    _ configuration: ModelConfiguration, sequences: Int, length: Int, directions: Int = 1, recomputing: Bool = false
  ) -> Int {
    Workspace.count(
      configuration, sequences: sequences, length: length, directions: directions, recomputing: recomputing)
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
      tokenTable: layout.tokenTable.view(of: parameters), positionTable: layout.positionTable.view(of: parameters),
      into: workspace.stream(0))
    let block = block
    for layer in 0..<configuration.layers {
      try block.forward(
        workspace.stream(layer), layout.blocks[layer].views(of: parameters), workspace.block(layer),
        activated: workspace.activated, scratch: workspace.attentionScratch, into: workspace.stream(layer + 1)
      ) { try needing(layout.range(of: $0, ofBlock: layer)) }
    }
    try needing(layout.parts.last!)
    layerNormForward(
      workspace.stream(configuration.layers), gain: layout.finalGain.view(of: parameters),
      bias: layout.finalBias.view(of: parameters),
      statistics: workspace.finalStatistics, into: workspace.finalNormal)
  }

  /// Computes the loss of the micro-batch that ``forward(_:parameters:)`` saw last and adds the gradients of `scale`
  /// times its sum over tokens to `gradients`.
  ///
  /// - Returns: The sum of the losses of all B T tokens, in nats.
  public mutating func backward(parameters: borrowing Arena, gradients: borrowing Arena, scale: Float) -> Double {
    backward(parameters: parameters.row, gradients: gradients.row, LossScale(scale)) { _ in }
  }

  /// Computes the loss of the micro-batch that ``forward(_:parameters:)`` saw last, and the gradients of its scaled sum
  /// over tokens.
  ///
  /// - Parameters:
  ///   - parameters: One row with the model's ``layout``.
  ///   - gradients: A row with the same layout; nil to form no weight gradients, if only scores are wanted.
  ///   - adding: Whether to add to what the row holds. Otherwise that is overwritten, and need not be cleared before.
  ///   - directions: Rows with the same layout, to compute ``score(ofSequence:along:)`` for; they change no gradient by
  ///     a bit.
  ///   - depth: How far down the pass goes; scores are those of the gradient that it stands for.
  ///   - completed: Called with each of ``ParameterLayout/parts`` from the last on, as soon as the gradients there are
  ///     final.
  /// - Returns: The sum of the losses of all B T tokens, in nats, not scaled.
  public mutating func backward(
    parameters: Matrix, gradients: Matrix?, adding: Bool = true, _ scale: LossScale, along directions: Matrix? = nil,
    depth: BackwardDepth = .embeddings, completed: (Range<Int>) throws -> Void
  ) rethrows -> Double {
    precondition((gradients ?? directions)?.columns == layout.arenaCount, "a row of another layout")
    precondition(directions == nil || directions!.columns == layout.arenaCount, "directions of another layout")
    var pass = directions.map {
      DirectionalPass(along: $0, scores: workspace.scores($0.rows), scratch: workspace.activated)
    }
    switch depth {
    case .outputLayer:
      if let gradients, !adding { clear(gradients) }
      backwardOutputLayer(parameters, gradients, adding: true, scale, depth, along: &pass)
      for part in layout.parts.reversed() { try completed(part) }
    case .embeddings:
      if let gradients, !adding {
        clear(layout.positionTable.view(of: gradients))
        clear(layout.finalGain.view(of: gradients))
        clear(layout.finalBias.view(of: gradients))
      }
      backwardOutputLayer(parameters, gradients, adding: adding, scale, depth, along: &pass)
      backwardFinalNorm(parameters, gradients, along: &pass)
      try completed(layout.parts.last!)
      for layer in (0..<configuration.layers).reversed() {
        try backwardBlock(layer, parameters, gradients, adding: adding, along: &pass, completed: completed)
      }
      backwardEmbeddings(gradients, along: &pass)
      try completed(layout.parts.first!)
    }
    directionSeconds += pass?.seconds ?? 0
    return sum(workspace.losses)
  }

  /// Runs backward through the loss and the output layer, into the gradient of the final hidden states unless the pass
  /// ends here.
  private mutating func backwardOutputLayer(
    _ parameters: Matrix, _ gradients: Matrix?, adding: Bool, _ scale: LossScale, _ depth: BackwardDepth,
    along pass: inout DirectionalPass?
  ) {
    let scales = workspace.scales
    scale.fill(scales, length: length)
    let table = layout.tokenTable
    let head = CrossEntropyHead(
      hidden: workspace.finalNormal, table: table.view(of: parameters), losses: workspace.losses,
      scratch: workspace.headScratch)
    let directions = pass.map { pass -> CrossEntropyHead.Directions in
      let tables = pass.directions.columns(table.offset, count: table.rows * table.columns)
      return CrossEntropyHead.Directions(tables: tables, scratch: workspace.gradient, scores: pass.scores)
    }
    let seconds = head.forwardBackward(
      targets: targets.span, scales: scales, hiddenGradient: workspace.narrow, tableAlone: depth == .outputLayer,
      tableGradient: gradients.map(table.view(of:)), adding: adding, along: directions)
    pass?.add(seconds: seconds)
  }

  /// Runs backward through the final LayerNorm, into the gradient of the residual stream.
  private mutating func backwardFinalNorm(
    _ parameters: Matrix, _ gradients: Matrix?, along pass: inout DirectionalPass?
  ) {
    let stream = workspace.gradient
    clear(stream)
    let input = workspace.stream(configuration.layers)
    pass?.layerNorm(
      outputGradient: workspace.narrow, input: input, statistics: workspace.finalStatistics, gain: layout.finalGain,
      bias: layout.finalBias)
    layerNormBackward(
      outputGradient: workspace.narrow, input: input, gain: layout.finalGain.view(of: parameters),
      statistics: workspace.finalStatistics, gainGradient: gradients.map(layout.finalGain.view(of:)),
      biasGradient: gradients.map(layout.finalBias.view(of:)), addingTo: stream)
  }

  /// Runs backward through one block.
  private mutating func backwardBlock(
    _ layer: Int, _ parameters: Matrix, _ gradients: Matrix?, adding: Bool, along pass: inout DirectionalPass?,
    completed: (Range<Int>) throws -> Void
  ) rethrows {
    let places = layout.blocks[layer]
    let weights = places.views(of: parameters)
    // The last block's activations are still those of the forward pass.
    if workspace.recomputing && layer < configuration.layers - 1 {
      block.recompute(workspace.stream(layer), weights, workspace.block(layer), scratch: workspace.attentionScratch)
    }
    let backward = BlockBackward(
      attention: block.attention, input: workspace.stream(layer), weights: weights, kept: workspace.block(layer),
      gradients: gradients.map(places.views(of:)), adding: adding, places: places,
      scratch: BackwardScratch(
        wide: workspace.wide, activated: workspace.activated, narrow: workspace.narrow,
        attention: workspace.attentionScratch))
    try backward.run(workspace.gradient, along: &pass) { try completed(layout.range(of: $0, ofBlock: layer)) }
  }

  /// Adds the gradient of the residual stream to those of both embedding tables.
  private func backwardEmbeddings(_ gradients: Matrix?, along pass: inout DirectionalPass?) {
    let stream = workspace.gradient
    pass?.embedding(
      outputGradient: stream, tokens: inputs.span, length: length, tokenTable: layout.tokenTable,
      positionTable: layout.positionTable)
    guard let gradients else { return }
    embeddingBackward(
      outputGradient: stream, tokens: inputs.span, sequences: workspace.sequences, length: length,
      tokenGradient: layout.tokenTable.view(of: gradients), positionGradient: layout.positionTable.view(of: gradients))
  }

  /// The derivative of the scaled sum of a sequence's losses along one of the directions of the last backward pass that
  /// had some.
  public func score(ofSequence index: Int, along direction: Int = 0) -> Double {
    sum(workspace.scores(direction + 1).rows(direction, count: 1).columns(index * length, count: length))
  }

  /// The mean loss of a sequence of the last backward pass or evaluation, in nats per token.
  public func loss(ofSequence index: Int) -> Double { sum(losses.rows(index, count: 1)) / Double(length) }

  /// Computes the loss of every token of a micro-batch, laid out as in ``forward(_:parameters:)``, into ``losses``.
  public mutating func evaluate(_ windows: Span<Int32>, parameters: Matrix) {
    forward(windows, parameters: parameters) { _ in }
    CrossEntropyHead(
      hidden: workspace.finalNormal, table: layout.tokenTable.view(of: parameters), losses: workspace.losses,
      scratch: workspace.headScratch
    ).forward(targets: targets.span)
  }

  /// The loss of every token (B, T) of the last ``evaluate(_:parameters:)`` or backward pass, in nats.
  public var losses: Matrix { workspace.losses.reshaped(rows: workspace.sequences, columns: length) }

  /// The hidden states after the final LayerNorm of the last forward pass, (B T, C).
  public var hiddenStates: Matrix { workspace.finalNormal }

  private var block: Block {
    Block(attention: CausalAttention(sequences: workspace.sequences, length: length, heads: configuration.heads))
  }
}
