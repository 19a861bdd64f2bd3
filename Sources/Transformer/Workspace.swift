import Kernels

/// The plan of activation memory for micro-batches of B sequences of T tokens, and the memory itself.
///
/// One arena holds what every layer keeps for backward and the working memory that all layers share. Memory grows with
/// tokens, not with T squared or tokens times vocabulary.
struct Workspace: ~Copyable {
  let model: ModelConfiguration
  /// The sequences and their tokens that there is room for.
  private let planned: (sequences: Int, length: Int)
  /// Tokens in a sequence of the present micro-batch, at most as many as planned.
  var length: Int
  /// The most directions to score along at once.
  let directions: Int
  /// Whether all blocks share the memory of one, whose activations are computed again in the backward pass.
  let recomputing: Bool
  /// The sequences of the present micro-batch; views have B T rows for this B.
  var sequences: Int
  private let arena: Arena

  /// Plans memory for at most `sequences` sequences of `length` tokens each.
  init(_ model: ModelConfiguration, sequences: Int, length: Int, directions: Int, recomputing: Bool) {
    self.model = model
    planned = (sequences, length)
    self.directions = directions
    self.sequences = sequences
    self.length = length
    self.recomputing = recomputing
    arena = Arena(
      count: Self.count(
        model, sequences: sequences, length: length, directions: directions, recomputing: recomputing))
  }

  /// The number of floats that such a workspace takes.
  static func count(
    _ model: ModelConfiguration, sequences: Int, length: Int, directions: Int, recomputing: Bool
  ) -> Int {
    Plan(model, sequences: sequences, length: length, directions: directions, recomputing: recomputing).total
  }

  /// The places of all buffers; a value computed anew whenever asked, with nothing on the heap.
  private struct Plan {
    let rows, width, statistics, normalisers: Int
    let layerCount: Int
    let stream, finalNormal, finalStatistics, losses, scales, scores: Int
    let gradient, narrow, wide, activated, attention, head, total: Int

    init(_ model: ModelConfiguration, sequences: Int, length: Int, directions: Int, recomputing: Bool) {
      rows = sequences * length
      width = Arena.aligned(rows * model.width)
      statistics = Arena.aligned(2 * rows)
      normalisers = Arena.aligned(sequences * model.heads * length)
      // Per layer: two normals, attended and middle (C each), joint (3 C), expanded (4 C).
      layerCount = 11 * width + 2 * statistics + normalisers
      stream = (recomputing ? 1 : model.layers) * layerCount
      finalNormal = stream + (model.layers + 1) * width
      finalStatistics = finalNormal + width
      losses = finalStatistics + statistics
      scales = losses + Arena.aligned(rows)
      scores = scales + Arena.aligned(rows)
      gradient = scores + Arena.aligned(directions * rows)
      narrow = gradient + width
      wide = narrow + width
      activated = wide + 4 * width
      attention = activated + 4 * width
      head = attention + Arena.aligned(CausalAttention.scratchCount(length: length))
      total = head + CrossEntropyHead.scratchCount(rows: rows, vocabularySize: model.vocabularySize)
    }
  }

  private var plan: Plan {
    Plan(
      model, sequences: planned.sequences, length: planned.length, directions: directions, recomputing: recomputing)
  }

  /// The most sequences of the present length that there is room for.
  var capacity: Int { planned.sequences * planned.length / length }
  /// The most tokens in a sequence.
  var longest: Int { planned.length }

  private var rows: Int { sequences * length }

  /// The residual stream that enters layer `index` (N, C); that of index L enters the final LayerNorm.
  func stream(_ index: Int) -> Matrix {
    arena.matrix(at: plan.stream + index * plan.width, rows: rows, columns: model.width)
  }

  /// What layer `index` keeps.
  func block(_ index: Int) -> BlockActivations {
    let plan = plan
    let start = recomputing ? 0 : index * plan.layerCount
    let width = plan.width
    let statistics = start + 11 * width
    func view(_ slot: Int, _ multiple: Int = 1) -> Matrix {
      arena.matrix(at: start + slot * width, rows: rows, columns: multiple * model.width)
    }
    return BlockActivations(
      firstNormal: view(0), firstStatistics: arena.matrix(at: statistics, rows: 2, columns: rows),
      joint: view(1, 3),
      normalisers: arena.matrix(at: statistics + 2 * plan.statistics, rows: sequences * model.heads, columns: length),
      attended: view(4), middle: view(5),
      secondNormal: view(6), secondStatistics: arena.matrix(at: statistics + plan.statistics, rows: 2, columns: rows),
      expanded: view(7, 4))
  }

  /// The final LayerNorm's output (N, C).
  var finalNormal: Matrix { arena.matrix(at: plan.finalNormal, rows: rows, columns: model.width) }
  /// The final LayerNorm's statistics (2, N).
  var finalStatistics: Matrix { arena.matrix(at: plan.finalStatistics, rows: 2, columns: rows) }
  /// The loss of every token (1, N).
  var losses: Matrix { arena.matrix(at: plan.losses, rows: 1, columns: rows) }
  /// The factor of every token's loss (1, N).
  var scales: Matrix { arena.matrix(at: plan.scales, rows: 1, columns: rows) }
  /// The derivative of every token's loss along each of the first `count` directions (count, N).
  func scores(_ count: Int) -> Matrix {
    precondition(count <= directions, "there is room for scores along \(directions) directions")
    return arena.matrix(at: plan.scores, rows: count, columns: rows)
  }
  /// The gradient of the residual stream (N, C).
  var gradient: Matrix { arena.matrix(at: plan.gradient, rows: rows, columns: model.width) }
  /// Working memory (N, C).
  var narrow: Matrix { arena.matrix(at: plan.narrow, rows: rows, columns: model.width) }
  /// Working memory (N, 4 C).
  var wide: Matrix { arena.matrix(at: plan.wide, rows: rows, columns: 4 * model.width) }
  /// Working memory (N, 4 C) for the perceptron after GELU.
  var activated: Matrix { arena.matrix(at: plan.activated, rows: rows, columns: 4 * model.width) }
  /// Attention's scratch memory.
  var attentionScratch: Matrix {
    arena.matrix(at: plan.attention, rows: 1, columns: CausalAttention.scratchCount(length: length))
  }
  /// The loss head's scratch memory.
  var headScratch: Matrix {
    let count = CrossEntropyHead.scratchCount(rows: rows, vocabularySize: model.vocabularySize)
    return arena.matrix(at: plan.head, rows: 1, columns: count)
  }
}
