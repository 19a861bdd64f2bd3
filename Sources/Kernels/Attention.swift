#if canImport(Glibc)
  import Glibc
#endif

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

  /// Query rows a tile. Larger tiles make better products, smaller ones skip more of the empty half.
  public static let tile = 64

  /// Describes attention over `sequences` sequences of `length` tokens with `heads` heads.
  public init(sequences: Int, length: Int, heads: Int) {
    self.sequences = sequences
    self.length = length
    self.heads = heads
  }

  /// Floats of scratch memory that either pass needs for sequences of `length` tokens.
  public static func scratchCount(length: Int) -> Int { 2 * min(tile, length) * length }

  /// Computes attention from joint queries, keys and values.
  ///
  /// Shapes: qkv (B T, 3 C) with all queries first, then keys, then values; output (B T, C); normalisers (B H, T), kept for
  /// backward; scratch (1, ``scratchCount(length:)``).
  public func forward(qkv: Matrix, normalisers: Matrix, scratch: Matrix, into output: Matrix) {
    let width = output.columns
    let size = width / heads
    let scale = 1 / Float(size).squareRoot()
    for sequence in 0..<sequences {
      let joint = qkv.rows(sequence * length, count: length)
      let outputs = output.rows(sequence * length, count: length)
      for head in 0..<heads {
        let queries = joint.columns(head * size, count: size)
        let keys = joint.columns(width + head * size, count: size)
        let values = joint.columns(2 * width + head * size, count: size)
        let logs = normalisers.base + (sequence * heads + head) * normalisers.stride
        for first in stride(from: 0, to: length, by: Self.tile) {
          let count = min(Self.tile, length - first)
          let reach = first + count
          let scores = Matrix(base: scratch.base, rows: count, columns: reach, stride: reach)
          multiply(
            queries.rows(first, count: count), by: keys.rows(0, count: reach), transposeB: true,
            scale: scale, into: scores)
          for row in 0..<count {
            logs[first + row] = softmax(scores.base + row * reach, visible: first + row + 1, width: reach)
          }
          multiply(
            scores, by: values.rows(0, count: reach),
            into: outputs.columns(head * size, count: size).rows(first, count: count))
        }
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
    let width = output.columns
    let size = width / heads
    let scale = 1 / Float(size).squareRoot()
    for sequence in 0..<sequences {
      let joint = qkv.rows(sequence * length, count: length)
      let jointGradient = qkvGradient.rows(sequence * length, count: length)
      for head in 0..<heads {
        let queries = joint.columns(head * size, count: size)
        let keys = joint.columns(width + head * size, count: size)
        let values = joint.columns(2 * width + head * size, count: size)
        let queryGradient = jointGradient.columns(head * size, count: size)
        let keyGradient = jointGradient.columns(width + head * size, count: size)
        let valueGradient = jointGradient.columns(2 * width + head * size, count: size)
        let outputs = output.rows(sequence * length, count: length).columns(head * size, count: size)
        let gradients = outputGradient.rows(sequence * length, count: length).columns(head * size, count: size)
        let logs = normalisers.base + (sequence * heads + head) * normalisers.stride
        // From the last tile to the first: the last one reaches every key and so lays down the sums that the others add to.
        let lastTile = (length - 1) / Self.tile * Self.tile
        for first in stride(from: lastTile, through: 0, by: -Self.tile) {
          let count = min(Self.tile, length - first)
          let reach = first + count
          let keep: Float = first == lastTile ? 0 : 1
          let weights = Matrix(base: scratch.base, rows: count, columns: reach, stride: reach)
          let slopes = Matrix(base: scratch.base + count * reach, rows: count, columns: reach, stride: reach)
          let tileGradient = gradients.rows(first, count: count)
          let tileQueries = queries.rows(first, count: count)
          multiply(tileQueries, by: keys.rows(0, count: reach), transposeB: true, scale: scale, into: weights)
          multiply(tileGradient, by: values.rows(0, count: reach), transposeB: true, into: slopes)
          for row in 0..<count {
            let projection = dot(
              tileGradient.base + row * tileGradient.stride,
              outputs.base + (first + row) * outputs.stride, size)
            scoreGradient(
              weights.base + row * reach, slopes.base + row * reach, visible: first + row + 1, width: reach,
              normaliser: logs[first + row], projection: projection, scale: scale)
          }
          multiply(
            weights, transposeA: true, by: tileGradient, into: valueGradient.rows(0, count: reach), keeping: keep)
          multiply(slopes, transposeA: true, by: tileQueries, into: keyGradient.rows(0, count: reach), keeping: keep)
          multiply(slopes, by: keys.rows(0, count: reach), into: queryGradient.rows(first, count: count))
        }
      }
    }
  }

  /// Turns a row of scores into probabilities over its first `visible` entries, zero in the others; returns log sum e^score.
  private func softmax(_ scores: UnsafeMutablePointer<Float>, visible: Int, width: Int) -> Float {
    let (largest, sum) = exponentiate(scores, visible)
    scale(scores, visible, by: 1 / sum)
    (scores + visible).update(repeating: 0, count: width - visible)
    return largest + logf(sum)
  }

  /// Turns scores into probabilities and incoming slopes dP into scaled score gradients, both zero past `visible`.
  private func scoreGradient(
    _ scores: UnsafeMutablePointer<Float>, _ slopes: UnsafeMutablePointer<Float>, visible: Int, width: Int,
    normaliser: Float, projection: Float, scale: Float
  ) {
    forEachVector(visible) { i, n in
      let probability = exponential(load(scores + i, n) - splat(normaliser))
      store(probability, scores + i, n)
      store(probability * (load(slopes + i, n) - splat(projection)) * splat(scale), slopes + i, n)
    }
    (scores + visible).update(repeating: 0, count: width - visible)
    (slopes + visible).update(repeating: 0, count: width - visible)
  }
}
