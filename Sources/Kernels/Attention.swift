import Glibc

/// Causal multi-head self-attention (Vaswani et al., arXiv 1706.03762) in tiles of query rows.
///
/// Scores exist for one tile of one head at a time, and only up to the diagonal; the softmax is kept as its
/// log-normaliser, and backward computes the tile again from it (Dao et al., arXiv 2205.14135).
public struct CausalAttention {
  /// The number of sequences B.
  public let sequences: Int

  /// Tokens a sequence, T.
  public let length: Int

  /// The number of heads H; the width C is divided among them.
  public let heads: Int

  /// Query rows a tile. Larger tiles make better products, smaller ones leave more room in the cache.
  public static let tile = 128

  /// Describes attention over `sequences` sequences of `length` tokens with `heads` heads.
  public init(sequences: Int, length: Int, heads: Int) {
    self.sequences = sequences
    self.length = length
    self.heads = heads
  }

  /// Floats of scratch memory that either pass needs for sequences of `length` tokens, with the present number of
  /// threads.
  public static func scratchCount(length: Int) -> Int { 2 * tableCount(length: length) * Threads.count }

  /// Computes attention from joint queries, keys and values.
  ///
  /// Shapes: qkv (B T, 3 C) with all queries first, then keys, then values; output (B T, C); normalisers (B H, T), kept
  /// for backward; scratch (1, ``scratchCount(length:)``). With S = Q K' and P = exp(S scale - L): O = P V.
  public func forward(qkv: Matrix, normalisers: Matrix, scratch: Matrix, into output: Matrix) {
    let factor = 1 / Float(output.columns / heads).squareRoot()
    forEachHead(qkv, scratch) { pair, head, weights, _ in
      let outputs = self.head(pair, of: output)
      let logs = normalisers.base + pair * normalisers.stride
      for first in stride(from: 0, to: length, by: Self.tile) {
        let count = min(Self.tile, length - first)
        let reach = first + count
        let scores = weights.rows(0, count: count).columns(0, count: reach)
        productPart(
          Factor(head.queries.rows(first, count: count)), by: Factor(head.keys.rows(0, count: reach), transposed: true),
          into: scores, adding: false, causal: .visibleColumns(first: first), finish: Plain())
        for row in 0..<count {
          logs[first + row] = softmax(scores.base + row * scores.stride, visible: first + row + 1, reach: reach, factor)
        }
        productPart(
          Factor(scores), by: Factor(head.values.rows(0, count: reach)), into: outputs.rows(first, count: count),
          adding: false, causal: .visibleSteps(first: first), finish: Plain())
      }
    }
  }

  /// Writes the gradient of queries, keys and values, given that of the output.
  ///
  /// Shapes as in the forward pass; qkvGradient (B T, 3 C). With P the softmax and D_i = dO_i . O_i:
  /// dV = P' dO, dS = P * (dO V' - D), dQ = dS K scale, dK = dS' Q scale.
  public func backward(
    outputGradient: Matrix, output: Matrix, qkv: Matrix, normalisers: Matrix, scratch: Matrix, qkvGradient: Matrix
  ) {
    let (width, size) = (output.columns, output.columns / heads)
    let factor = 1 / Float(size).squareRoot()
    forEachHead(qkv, scratch) { pair, head, weightTable, slopeTable in
      let gradient = Head(self.head(pair, of: qkvGradient, parts: 3), width: width, size: size)
      let outputs = self.head(pair, of: output)
      let gradients = self.head(pair, of: outputGradient)
      let logs = normalisers.base + pair * normalisers.stride
      // From the last tile to the first: the last one reaches every key and so lays down the sums that the others add
      // to.
      let lastTile = (length - 1) / Self.tile * Self.tile
      for first in stride(from: lastTile, through: 0, by: -Self.tile) {
        let count = min(Self.tile, length - first)
        let reach = first + count
        let weights = weightTable.rows(0, count: count).columns(0, count: reach)
        let slopes = slopeTable.rows(0, count: count).columns(0, count: reach)
        let tileGradient = gradients.rows(first, count: count)
        let queries = head.queries.rows(first, count: count)
        let (keys, values) = (head.keys.rows(0, count: reach), head.values.rows(0, count: reach))
        productPart(
          Factor(queries), by: Factor(keys, transposed: true), into: weights, adding: false,
          causal: .visibleColumns(first: first), finish: Plain())
        productPart(
          Factor(tileGradient), by: Factor(values, transposed: true), into: slopes, adding: false,
          causal: .visibleColumns(first: first), finish: Plain())
        for row in 0..<count {
          let projection = dot(
            tileGradient.base + row * tileGradient.stride, outputs.base + (first + row) * outputs.stride,
            tileGradient.columns)
          scoreGradient(
            weights.base + row * weights.stride, slopes.base + row * slopes.stride, visible: first + row + 1,
            reach: reach, normaliser: logs[first + row], projection: projection, factor)
        }
        productPart(
          Factor(weights, transposed: true), by: Factor(tileGradient), into: gradient.values.rows(0, count: reach),
          adding: first != lastTile, causal: .seeingSteps(first: first),
          finish: Plain())
        productPart(
          Factor(slopes, transposed: true), by: Factor(queries), into: gradient.keys.rows(0, count: reach),
          adding: first != lastTile, causal: .seeingSteps(first: first), finish: Plain())
        productPart(
          Factor(slopes), by: Factor(keys), into: gradient.queries.rows(first, count: count),
          adding: false, causal: .visibleSteps(first: first), finish: Plain())
      }
    }
  }

  // MARK: Heads

  /// The queries, keys and values of one head of one sequence (T, C / H).
  private struct Head {
    let queries, keys, values: Matrix

    /// Cuts them out of columns that begin with the head's queries.
    init(_ joint: Matrix, width: Int, size: Int) {
      queries = joint.columns(0, count: size)
      keys = joint.columns(width, count: size)
      values = joint.columns(2 * width, count: size)
    }
  }

  /// Calls `body` for each head of each sequence, threads sharing them, with two tables for a tile of queries and all
  /// keys.
  @inline(always)
  private func forEachHead(
    _ qkv: Matrix, _ scratch: Matrix,
    _ body: (_ pair: Int, _ head: Head, _ weights: Matrix, _ slopes: Matrix) -> Void
  ) {
    let width = qkv.columns / 3
    let tableCount = Self.tableCount(length: length)
    forEachThread(sequences * heads) { thread, firstPair, pairs in
      let rows = min(Self.tile, length)
      let table = scratch.base + 2 * thread * tableCount
      let weights = Matrix(base: table, rows: rows, columns: length, stride: tableCount / rows)
      let slopes = Matrix(base: table + tableCount, rows: rows, columns: length, stride: tableCount / rows)
      for pair in firstPair..<(firstPair + pairs) {
        let joint = head(pair, of: qkv, parts: 3)
        body(pair, Head(joint, width: width, size: width / heads), weights, slopes)
      }
    }
  }

  /// The rows of a pair's sequence, from its head's first column on: to the head's last, or with `parts` to the end.
  private func head(_ pair: Int, of matrix: Matrix, parts: Int = 1) -> Matrix {
    let (sequence, head) = pair.quotientAndRemainder(dividingBy: heads)
    let size = matrix.columns / parts / heads
    return matrix.rows(sequence * length, count: length)
      .columns(head * size, count: parts == 1 ? size : matrix.columns - head * size)
  }

  /// Floats of a table; its rows are an odd number of cache lines long, so that they do not share cache sets.
  private static func tableCount(length: Int) -> Int {
    let lines = Arena.aligned(length) / Arena.alignment
    return min(tile, length) * (lines | 1) * Arena.alignment
  }

  // MARK: Softmax

  /// Turns a row of scores into probabilities over its first `visible` entries; returns log sum e^(score factor).
  private func softmax(
    _ scores: UnsafeMutablePointer<Float>, visible: Int, reach: Int, _ factor: Float
  ) -> Float {
    scale(scores, visible, by: factor)
    let (largest, sum) = exponentiate(scores, visible)
    scale(scores, visible, by: 1 / sum)
    clear(scores, from: visible, reach: reach)
    return largest + logf(sum)
  }

  /// Turns scores into probabilities and incoming slopes dP into scaled score gradients, both over the first `visible`
  /// entries.
  private func scoreGradient(
    _ scores: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, visible: Int, reach: Int,
    normaliser: Float, projection: Float, _ factor: Float
  ) {
    let (factor, minusNormaliser, projection) = (splat(factor), splat(-normaliser), splat(projection))
    // Whole vectors in a loop of their own, where the constants of the exponential stay in registers.
    let full = visible / laneCount * laneCount
    for i in stride(from: 0, to: full, by: laneCount) {
      let probability = exponential(minusNormaliser.addingProduct(load(scores + i), factor))
      store(probability, scores + i)
      store(probability * (load(slopes + i) - projection) * factor, slopes + i)
    }
    if full < visible {
      let rest = visible - full
      let probability = exponential(minusNormaliser.addingProduct(load(scores + full, rest), factor))
      store(probability, scores + full, rest)
      store(probability * (load(slopes + full, rest) - projection) * factor, slopes + full, rest)
    }
    clear(scores, from: visible, reach: reach)
    clear(slopes, from: visible, reach: reach)
  }

  /// Sets to zero what products read beyond the visible entries: up to the end of a tile.
  private func clear(_ row: UnsafeMutablePointer<Float>, from visible: Int, reach: Int) {
    let end = (visible + MicroKernel.rows - 1) / MicroKernel.rows * MicroKernel.rows
    (row + visible).update(repeating: 0, count: min(end, reach) - visible)
  }
}
