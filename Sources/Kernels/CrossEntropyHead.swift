#if canImport(Glibc)
  import Glibc
#endif

/// The output layer and its loss, logits = X E' with the embedding table E tied, in tiles of rows.
///
/// Logits exist for one tile of tokens at a time: product, softmax, loss and gradient in place, both backward products, then
/// the next tile. Memory does not grow with tokens times vocabulary.
public enum CrossEntropyHead {
  /// Rows in a tile for a vocabulary of `vocabularySize`: about 16 MB of logits, at least 128 rows so that the gradient of
  /// the table, read and written once a tile, does not dominate.
  public static func tileRows(vocabularySize: Int) -> Int { max(128, (1 << 22) / vocabularySize) }

  /// Floats of scratch memory for `rows` tokens.
  public static func scratchCount(rows: Int, vocabularySize: Int) -> Int {
    min(rows, tileRows(vocabularySize: vocabularySize)) * vocabularySize
  }

  /// Computes the loss -log softmax(logits)[target] of every row into `losses`.
  ///
  /// Shapes: hidden (N, C), table (V, C), targets N ids, losses (1, N), scratch (1, ``scratchCount(rows:vocabularySize:)``).
  public static func forward(
    hidden: Matrix, table: Matrix, targets: Span<Int32>, losses: Matrix, scratch: Matrix
  ) {
    forEachTile(hidden, table, scratch) { first, logits in
      for row in 0..<logits.rows {
        let scores = logits.base + row * logits.stride
        let score = scores[Int(targets[first + row])]
        let (largest, sum) = exponentiate(scores, logits.columns)
        losses.base[first + row] = logf(sum) + largest - score
      }
    }
  }

  /// Computes losses as `forward` does, and at once the gradients of `scale` times their sum.
  ///
  /// hiddenGradient (N, C) is written, tableGradient (V, C) is added to.
  public static func forwardBackward(
    hidden: Matrix, table: Matrix, targets: Span<Int32>, scale: Float, losses: Matrix, scratch: Matrix,
    hiddenGradient: Matrix, tableGradient: Matrix
  ) {
    forEachTile(hidden, table, scratch) { first, logits in
      for row in 0..<logits.rows {
        let scores = logits.base + row * logits.stride
        let target = Int(targets[first + row])
        let score = scores[target]
        let (largest, sum) = exponentiate(scores, logits.columns)
        losses.base[first + row] = logf(sum) + largest - score
        Kernels.scale(scores, logits.columns, by: scale / sum)
        scores[target] -= scale
      }
      multiply(logits, by: table, into: hiddenGradient.rows(first, count: logits.rows))
      multiply(logits, transposeA: true, by: hidden.rows(first, count: logits.rows), into: tableGradient, keeping: 1)
    }
  }

  private static func forEachTile(
    _ hidden: Matrix, _ table: Matrix, _ scratch: Matrix, _ body: (_ first: Int, _ logits: Matrix) -> Void
  ) {
    let tile = tileRows(vocabularySize: table.rows)
    for first in stride(from: 0, to: hidden.rows, by: tile) {
      let count = min(tile, hidden.rows - first)
      let logits = Matrix(base: scratch.base, rows: count, columns: table.rows, stride: table.rows)
      multiply(hidden.rows(first, count: count), by: table, transposeB: true, into: logits)
      body(first, logits)
    }
  }
}
