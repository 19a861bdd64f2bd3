#if canImport(Glibc)
  import Glibc
#endif

/// The output layer and its loss, logits = X E' with the embedding table E tied, in tiles of rows.
///
/// Logits exist for one tile of tokens at a time: product, softmax, loss and gradient in place, both backward products, then
/// the next tile. Memory does not grow with tokens times vocabulary. The softmax is never divided by its sum: the sum scales
/// rows of the small factors instead, and the target's share is subtracted from the two products.
public enum CrossEntropyHead {
  /// Rows in a tile for a vocabulary of `vocabularySize`: as many as a block of a matrix product is deep, so that the gradient of
  /// the table is passed over once a tile; fewer, but at least 128, where the logits would take more than 80 MiB.
  public static func tileRows(vocabularySize: Int) -> Int {
    max(128, min(Blocking.depth, (20 << 20) / vocabularySize))
  }

  /// Floats of scratch memory for `rows` tokens.
  public static func scratchCount(rows: Int, vocabularySize: Int) -> Int {
    let tile = min(rows, tileRows(vocabularySize: vocabularySize))
    return tile * vocabularySize + 2 * Arena.aligned(tile)
  }

  /// Computes the loss -log softmax(logits)[target] of every row into `losses`.
  ///
  /// Shapes: hidden (N, C), table (V, C), targets N ids, losses (1, N), scratch (1, ``scratchCount(rows:vocabularySize:)``).
  public static func forward(
    hidden: Matrix, table: Matrix, targets: Span<Int32>, losses: Matrix, scratch: Matrix
  ) {
    forEachTile(hidden, table, targets, losses, scratch) { _, _, _ in }
  }

  /// Computes losses as `forward` does, and at once the gradients of `scale` times their sum.
  ///
  /// hiddenGradient (N, C) is written; tableGradient (V, C), if given, is added to, or written if not `adding`. With a
  /// direction's table (V, C), each row's derivative along it is added to scores (1, N); its scratch has hidden's shape.
  ///
  /// - Returns: Seconds that the direction took.
  @discardableResult
  public static func forwardBackward(
    hidden: Matrix, table: Matrix, targets: Span<Int32>, scale: Float, losses: Matrix, scratch: Matrix,
    hiddenGradient: Matrix, tableGradient: Matrix?, adding: Bool = true,
    direction: (table: Matrix, scratch: Matrix, scores: Matrix)? = nil
  ) -> Double {
    let clock = ContinuousClock()
    var seconds = 0.0
    forEachTile(hidden, table, targets, losses, scratch) { first, weights, sums in
      let inputs = hidden.rows(first, count: weights.rows)
      let gradient = hiddenGradient.rows(first, count: weights.rows)
      // With e the exponentials, s their sums and h the inputs: dE = e' (h scale / s) - scale h at each target.
      for row in 0..<weights.rows {
        sums.base[row] = scale / sums.base[row]
        let (source, scaled) = (inputs.base + row * inputs.stride, gradient.base + row * gradient.stride)
        let factor = splat(sums.base[row])
        forEachVector(inputs.columns) { i, n in store(load(source + i, n) * factor, scaled + i, n) }
      }
      if let tableGradient {
        product(
          weights, transposeA: true, by: gradient, transposeB: false, into: tableGradient, adding: adding || first > 0,
          finish: Plain())
      }
      if let direction {
        // (e G) . (h scale / s) - scale h . G[target].
        let start = clock.now
        let scores = direction.scores.columns(first, count: weights.rows)
        product(
          weights, transposeA: false, by: direction.table, transposeB: false,
          into: direction.scratch.rows(first, count: weights.rows), adding: false,
          finish: AddInnerProduct(bias: nil, factors: gradient, sums: scores))
        for row in 0..<weights.rows {
          let target = direction.table.base + Int(targets[first + row]) * direction.table.stride
          scores.base[row] -= scale * dot(inputs.base + row * inputs.stride, target, inputs.columns)
        }
        seconds += start.duration(to: clock.now) / .seconds(1)
      }
      // dh = (e E) scale / s - scale E[target].
      product(
        weights, transposeA: false, by: table, transposeB: false, into: gradient, adding: false,
        finish: ScaleRows(factors: sums))
      for row in 0..<weights.rows {
        let target = Int(targets[first + row])
        if let tableGradient {
          subtract(
            inputs.base + row * inputs.stride, scale, from: tableGradient.base + target * tableGradient.stride,
            inputs.columns)
        }
        subtract(table.base + target * table.stride, scale, from: gradient.base + row * gradient.stride, inputs.columns)
      }
    }
    return seconds
  }

  /// Computes the logits of every tile, their exponentials less the row's largest in place, and the losses, then calls `body` with the
  /// tile's first row, the exponentials and their sums.
  private static func forEachTile(
    _ hidden: Matrix, _ table: Matrix, _ targets: Span<Int32>, _ losses: Matrix, _ scratch: Matrix,
    _ body: (_ first: Int, _ weights: Matrix, _ sums: Matrix) -> Void
  ) {
    let vocabulary = table.rows
    let tileRows = tileRows(vocabularySize: vocabulary)
    let size = min(tileRows, hidden.rows)
    for first in stride(from: 0, to: hidden.rows, by: tileRows) {
      let count = min(tileRows, hidden.rows - first)
      let logits = Matrix(base: scratch.base, rows: count, columns: vocabulary, stride: vocabulary)
      let maxima = Matrix(base: scratch.base + size * vocabulary, rows: 1, columns: count, stride: count)
      let sums = Matrix(base: maxima.base + Arena.aligned(size), rows: 1, columns: count, stride: count)
      maxima.base.update(repeating: -.infinity, count: count)
      product(
        hidden.rows(first, count: count), transposeA: false, by: table, transposeB: true, into: logits, adding: false,
        finish: RowMaximum(maxima: maxima))
      targets.withUnsafeBufferPointer { targets in
        forEachThread(count) { _, start, rows in
          for row in start..<(start + rows) {
            let scores = logits.base + row * logits.stride
            let score = scores[Int(targets[first + row])]
            sums.base[row] = exponentiate(scores, vocabulary, largest: maxima.base[row])
            losses.base[first + row] = logf(sums.base[row]) + maxima.base[row] - score
          }
        }
      }
      body(first, logits, sums)
    }
  }

  private static func subtract(
    _ source: UnsafePointer<Float>, _ factor: Float, from target: UnsafeMutablePointer<Float>, _ count: Int
  ) {
    let factor = splat(-factor)
    forEachVector(count) { i, n in store(load(target + i, n).addingProduct(load(source + i, n), factor), target + i, n)
    }
  }
}
