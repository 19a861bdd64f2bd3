/// Derivatives of the loss along a direction in the space of parameters, row by row.
///
/// A layer's part of `< gradient of a row's loss, G >` needs no weight gradient: for a linear layer it is
/// d . (x G_W + G_b) with x the row's input and d the gradient of its output. Each function adds its part to `scores`
/// (1, N); sums over the rows of a sequence are that sequence's derivative. In the literature these are ghost inner
/// products (Wang et al., arXiv 2406.11011).

/// Adds the part of a linear layer `Y = X W + b`: one matrix product, whose tiles are reduced while in the cache.
///
/// Shapes: outputGradient and scratch (N, O), input (N, I), and the direction's weight (I, O) and bias (1, O).
public func linearDirectional(
  outputGradient: Matrix, input: Matrix, weight: Matrix, bias: Matrix, scratch: Matrix, addingTo scores: Matrix
) {
  product(
    input, transposeA: false, by: weight, transposeB: false, into: scratch, adding: false,
    finish: AddInnerProduct(bias: bias, factors: outputGradient, sums: scores))
}

/// Adds the part of LayerNorm's gain and bias, `(d * n) . G_gain + d . G_bias` with n the normalised row.
///
/// Shapes as in ``layerNormForward(_:gain:bias:statistics:into:)``; gain and bias are the direction's.
public func layerNormDirectional(
  outputGradient: Matrix, input: Matrix, statistics: Matrix, gain: Matrix, bias: Matrix, addingTo scores: Matrix
) {
  forEachThread(input.rows) { _, first, count in
    for row in first..<(first + count) {
      let (x, dy) = (input.base + row * input.stride, outputGradient.base + row * outputGradient.stride)
      let reciprocal = splat(statistics.base[statistics.stride + row])
      let shift = splat(-statistics.base[row]) * reciprocal
      var sum = Lanes.zero
      forEachVector(input.columns) { i, n in
        let normal = shift.addingProduct(load(x + i, n), reciprocal)
        sum = sum.addingProduct(load(dy + i, n), load(bias.base + i, n).addingProduct(normal, load(gain.base + i, n)))
      }
      scores.base[row] += sum.sum()
    }
  }
}

/// Adds the part of token and position embeddings, `d . (G_token + G_position)`.
///
/// Shapes as in ``embeddingForward(tokens:sequences:length:tokenTable:positionTable:into:)``; both tables are the
/// direction's.
public func embeddingDirectional(
  outputGradient: Matrix, tokens: Span<Int32>, length: Int, tokenTable: Matrix, positionTable: Matrix,
  addingTo scores: Matrix
) {
  tokens.withUnsafeBufferPointer { tokens in
    forEachThread(outputGradient.rows) { _, first, count in
      for row in first..<(first + count) {
        let source = outputGradient.base + row * outputGradient.stride
        let token = tokenTable.base + Int(tokens[row]) * tokenTable.stride
        let position = positionTable.base + row % length * positionTable.stride
        var sum = Lanes.zero
        forEachVector(outputGradient.columns) { i, n in
          sum = sum.addingProduct(load(source + i, n), load(token + i, n) + load(position + i, n))
        }
        scores.base[row] += sum.sum()
      }
    }
  }
}
