import Glibc

/// The output layer and its loss, logits = X E' with the embedding table E tied, in tiles of rows.
///
/// Logits exist for one tile of tokens at a time: product, softmax, loss and gradient in place, both backward products,
/// then the next tile. Memory does not grow with tokens times vocabulary. The softmax is never divided by its sum: the
/// sum scales rows of the small factors instead, and the target's share is subtracted from the two products.
public struct CrossEntropyHead {
  /// The output layer's inputs (N, C).
  private let hidden: Matrix
  /// The embedding table (V, C).
  private let table: Matrix
  /// Where the loss of every row goes (1, N).
  private let losses: Matrix
  /// Working memory (1, ``scratchCount(rows:vocabularySize:)``).
  private let scratch: Matrix

  /// Prepares a pass over all rows of `hidden`.
  public init(hidden: Matrix, table: Matrix, losses: Matrix, scratch: Matrix) {
    self.hidden = hidden
    self.table = table
    self.losses = losses
    self.scratch = scratch
  }

  /// The tables of directions, to differentiate losses along.
  public struct Directions {
    let tables, scratch, scores: Matrix

    /// - Parameters:
    ///   - tables: A table in each row (D, V C).
    ///   - scratch: Working memory of the shape of the inputs (N, C).
    ///   - scores: What each row's derivative is added to (D, N).
    public init(tables: Matrix, scratch: Matrix, scores: Matrix) {
      self.tables = tables
      self.scratch = scratch
      self.scores = scores
    }
  }

  /// Rows in a tile for a vocabulary of `vocabularySize`: as many as a block of a matrix product is deep, so that the
  /// gradient of the table is passed over once a tile; fewer, but at least 128, where the logits would take more than
  /// 80 MiB.
  public static func tileRows(vocabularySize: Int) -> Int {
    max(128, min(Blocking.depth, (20 << 20) / vocabularySize))
  }

  /// Floats of scratch memory for `rows` tokens.
  public static func scratchCount(rows: Int, vocabularySize: Int) -> Int {
    let tile = min(rows, tileRows(vocabularySize: vocabularySize))
    return tile * vocabularySize + 2 * Arena.aligned(tile)
  }

  /// Computes the loss -log softmax(logits)[target] of every row.
  ///
  /// - Parameter targets: N token ids.
  public func forward(targets: Span<Int32>) {
    forEachTile(targets) { _, _, _ in }
  }

  /// Computes losses as `forward` does, and at once the gradients of their sum, each times its scale.
  ///
  /// - Parameters:
  ///   - scales: The factor of every row's loss (1, N).
  ///   - hiddenGradient: Written (N, C).
  ///   - tableAlone: Whether the gradient of the inputs is left out, and with it a product as large as that of the
  ///     logits; `hiddenGradient` is working memory then.
  ///   - tableGradient: If given, added to (V, C), or written if not `adding`.
  /// - Returns: Seconds that the directions took.
  @discardableResult
  public func forwardBackward(
    targets: Span<Int32>, scales: Matrix, hiddenGradient: Matrix, tableAlone: Bool = false, tableGradient: Matrix?,
    adding: Bool = true, along directions: Directions? = nil
  ) -> Double {
    let clock = ContinuousClock()
    var seconds = 0.0
    forEachTile(targets) { first, weights, sums in
      let inputs = hidden.rows(first, count: weights.rows)
      let gradient = hiddenGradient.rows(first, count: weights.rows)
      let scales = scales.columns(first, count: weights.rows)
      // With e the exponentials, s their sums and h the inputs: dE = e' (h scale / s) - scale h at each target.
      for row in 0..<weights.rows {
        sums.base[row] = scales.base[row] / sums.base[row]
        let (source, scaled) = (inputs.base + row * inputs.stride, gradient.base + row * gradient.stride)
        let factor = splat(sums.base[row])
        forEachVector(inputs.columns) { i, n in store(load(source + i, n) * factor, scaled + i, n) }
      }
      if let tableGradient {
        product(
          weights, transposeA: true, by: gradient, transposeB: false, into: tableGradient, adding: adding || first > 0,
          finish: Plain())
        for row in 0..<weights.rows {
          Self.subtract(
            inputs.base + row * inputs.stride, scales.base[row],
            from: tableGradient.base + Int(targets[first + row]) * tableGradient.stride, inputs.columns)
        }
      }
      if let directions {
        let start = clock.now
        addScores(first, weights, gradient, targets, scales, to: directions)
        seconds += start.duration(to: clock.now) / .seconds(1)
      }
      if tableAlone { return }
      // dh = (e E) scale / s - scale E[target].
      product(
        weights, transposeA: false, by: table, transposeB: false, into: gradient, adding: false,
        finish: ScaleRows(factors: sums))
      for row in 0..<weights.rows {
        Self.subtract(
          table.base + Int(targets[first + row]) * table.stride, scales.base[row],
          from: gradient.base + row * gradient.stride, inputs.columns)
      }
    }
    return seconds
  }

  /// Adds the derivatives of a tile's losses along every direction: (e G) . (h scale / s) - scale h . G[target].
  private func addScores(
    _ first: Int, _ weights: Matrix, _ scaledInputs: Matrix, _ targets: Span<Int32>, _ scales: Matrix,
    to directions: Directions
  ) {
    let inputs = hidden.rows(first, count: weights.rows)
    for index in 0..<directions.tables.rows {
      let table = directions.tables.rows(index, count: 1).reshaped(rows: table.rows, columns: table.columns)
      let scores = directions.scores.rows(index, count: 1).columns(first, count: weights.rows)
      product(
        weights, transposeA: false, by: table, transposeB: false,
        into: directions.scratch.rows(first, count: weights.rows), adding: false,
        finish: AddInnerProduct(bias: nil, factors: scaledInputs, sums: scores))
      for row in 0..<weights.rows {
        let target = table.base + Int(targets[first + row]) * table.stride
        scores.base[row] -= scales.base[row] * dot(inputs.base + row * inputs.stride, target, inputs.columns)
      }
    }
  }

  /// Computes the logits of every tile, their exponentials less the row's largest in place, and the losses, then calls
  /// `body` with the tile's first row, the exponentials and their sums.
  private func forEachTile(
    _ targets: Span<Int32>, _ body: (_ first: Int, _ weights: Matrix, _ sums: Matrix) -> Void
  ) {
    let vocabulary = table.rows
    let tileRows = Self.tileRows(vocabularySize: vocabulary)
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
