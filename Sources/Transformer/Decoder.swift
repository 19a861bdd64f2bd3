import Kernels

/// GPT-2 one token after the other: what attention needs of the tokens so far, their keys and values, is kept.
///
/// The first tokens go through an ordinary forward pass; each further one costs about as much time as reading all
/// parameters.
public struct Decoder: ~Copyable {
  /// The number of tokens so far, at most the context.
  public private(set) var count = 0

  private var model: GPT2
  private let arena: Arena
  private let plan: Plan

  /// Where things lie in the arena.
  private struct Plan {
    let stream, normal, attended, middle, joint, expanded, activated, scores, statistics, logits, total: Int

    init(_ model: ModelConfiguration) {
      let width = Arena.aligned(model.width)
      (stream, normal, attended, middle) = (0, width, 2 * width, 3 * width)
      joint = 4 * width
      expanded = joint + model.layers * Arena.aligned(3 * model.context * model.width)
      activated = expanded + 4 * width
      scores = activated + 4 * width
      statistics = scores + Arena.aligned(model.heads * model.context)
      logits = statistics + Arena.alignment
      total = logits + Arena.aligned(model.vocabularySize)
    }
  }

  /// Makes a decoder without tokens.
  public init(_ configuration: ModelConfiguration) {
    model = GPT2(configuration, sequences: 1, length: configuration.context)
    plan = Plan(configuration)
    arena = Arena(count: plan.total)
  }

  /// Bytes of memory that a decoder for a model of this shape allocates.
  public static func bytes(_ configuration: ModelConfiguration) -> Int {
    GPT2.activationBytes(configuration, sequences: 1, length: configuration.context)
      + Plan(configuration).total * MemoryLayout<Float>.stride
  }

  /// The logits of the next token (1, V); whoever reads them may overwrite them.
  public var logits: Matrix { vector(plan.logits, model.configuration.vocabularySize) }

  /// Begins anew with some tokens, by a forward pass.
  ///
  /// - Precondition: There are from 1 to as many tokens as the context has.
  public mutating func start(_ tokens: [Int32], parameters: borrowing Arena) {
    model.reshape(length: tokens.count)
    // The last token of a window is no input.
    model.forward((tokens + [0]).span, parameters: parameters)
    for layer in 0..<model.configuration.layers {
      copy(model.workspace.block(layer).joint, to: joint(layer).rows(0, count: tokens.count))
    }
    count = tokens.count
    predict(model.hiddenStates.rows(count - 1, count: 1), parameters)
  }

  /// Takes one more token.
  ///
  /// - Precondition: There are fewer tokens than the context has.
  public mutating func append(_ token: Int32, parameters: borrowing Arena) {
    let (configuration, layout) = (model.configuration, model.layout)
    precondition(count < configuration.context, "the context is full")
    let (width, row) = (configuration.width, parameters.row)
    let (stream, normal) = (vector(plan.stream, width), vector(plan.normal, width))
    embeddingForward(
      tokens: [token].span, sequences: 1, length: 1, tokenTable: layout.tokenTable.view(of: row),
      positionTable: layout.positionTable.view(of: row).rows(count, count: 1), into: stream)
    count += 1
    for layer in 0..<configuration.layers {
      advance(stream, normal, layout.blocks[layer].views(of: row), joint(layer).rows(0, count: count))
    }
    normalise(stream, layout.finalGain.view(of: row), layout.finalBias.view(of: row), into: normal)
    predict(normal, parameters)
  }

  /// Turns one block's input into its output, in place; the last row of `joint` is the token's.
  private func advance(_ stream: Matrix, _ normal: Matrix, _ weights: BlockTensors<Matrix>, _ joint: Matrix) {
    let width = stream.columns
    let (attended, middle) = (vector(plan.attended, width), vector(plan.middle, width))
    normalise(stream, weights.firstGain, weights.firstBias, into: normal)
    linearRow(normal, weight: weights.joint, bias: weights.jointBias, into: joint.rows(count - 1, count: 1))
    let (heads, context) = (model.configuration.heads, model.configuration.context)
    let scores = arena.matrix(at: plan.scores, rows: heads, columns: context)
    attentionRow(joint: joint, heads: heads, scores: scores, into: attended)
    linearRow(attended, weight: weights.projection, bias: weights.projectionBias, residual: stream, into: middle)
    normalise(middle, weights.secondGain, weights.secondBias, into: normal)
    let activated = vector(plan.activated, 4 * width)
    linearActivatedRow(
      normal, weight: weights.expansion, bias: weights.expansionBias, into: vector(plan.expanded, 4 * width),
      activated: activated)
    linearRow(activated, weight: weights.contraction, bias: weights.contractionBias, residual: middle, into: stream)
  }

  private func normalise(_ input: Matrix, _ gain: Matrix, _ bias: Matrix, into output: Matrix) {
    let statistics = arena.matrix(at: plan.statistics, rows: 2, columns: 1)
    layerNormForward(input, gain: gain, bias: bias, statistics: statistics, into: output)
  }

  private func predict(_ hidden: Matrix, _ parameters: borrowing Arena) {
    innerProducts(hidden, rows: model.layout.tokenTable.view(of: parameters.row), into: logits)
  }

  /// The queries, keys and values of a layer (T, 3 C).
  private func joint(_ layer: Int) -> Matrix {
    let (rows, columns) = (model.configuration.context, 3 * model.configuration.width)
    return arena.matrix(at: plan.joint + layer * Arena.aligned(rows * columns), rows: rows, columns: columns)
  }

  private func vector(_ offset: Int, _ count: Int) -> Matrix { arena.matrix(at: offset, rows: 1, columns: count) }
}
