/// Products of one row, which read a matrix once and so go as fast as memory does: what one more token takes.

/// The least weights that are worth a second thread.
private let shared = 1 << 16

/// Computes `output = input * weight + bias`, plus `residual` where there is one, for one row.
///
/// Shapes: input (1, I), weight (I, O), bias, residual and output (1, O). Sums go along I in order, as in
/// ``linearForward(_:weight:bias:residual:into:)``.
public func linearRow(_ input: Matrix, weight: Matrix, bias: Matrix, residual: Matrix? = nil, into output: Matrix) {
  if let residual {
    rowProduct(input, by: weight, into: output, finish: AddBiasAndResidual(bias: bias, residual: residual))
  } else {
    rowProduct(input, by: weight, into: output, finish: AddBias(bias: bias))
  }
}

/// Computes `output = input * weight + bias` and `activated = GELU(output)` for one row; shapes as in
/// ``linearRow(_:weight:bias:residual:into:)``.
public func linearActivatedRow(
  _ input: Matrix, weight: Matrix, bias: Matrix, into output: Matrix, activated: Matrix
) {
  rowProduct(input, by: weight, into: output, finish: AddBiasAndActivate(bias: bias, activated: activated))
}

/// Computes the inner products of one row with all rows of a matrix.
///
/// Shapes: input (1, C), matrix (N, C), products (1, N).
public func innerProducts(_ input: Matrix, rows matrix: Matrix, into products: Matrix) {
  precondition(input.columns == matrix.columns && products.columns == matrix.rows, "a product for each row")
  forEachPart(matrix.rows, multipleOf: 4, work: matrix.count) { first, count in
    innerProducts(input, rows: matrix.rows(first, count: count), into: products.columns(first, count: count).base)
  }
}

/// Computes causal attention of the last row's query over all rows.
///
/// Shapes: joint (T, 3 C) with all queries first, then keys, then values; scores (heads, at least T), working memory;
/// output (1, C). As ``CausalAttention/forward(qkv:normalisers:scratch:into:)`` for the last row.
public func attentionRow(joint: Matrix, heads: Int, scores: Matrix, into output: Matrix) {
  let (width, size) = (joint.columns / 3, joint.columns / 3 / heads)
  precondition(width == output.columns && scores.rows == heads && scores.columns >= joint.rows, "attention's shapes")
  let factor = 1 / Float(size).squareRoot()
  forEachPart(heads, work: 2 * joint.rows * width) { first, count in
    for head in first..<first + count {
      let query = joint.rows(joint.rows - 1, count: 1).columns(head * size, count: size)
      let weights = scores.rows(head, count: 1).columns(0, count: joint.rows)
      innerProducts(query, rows: joint.columns(width + head * size, count: size), into: weights.base)
      scale(weights.base, weights.columns, by: factor)
      let sum = exponentiate(weights.base, weights.columns).sum
      scale(weights.base, weights.columns, by: 1 / sum)
      rowProductPart(
        weights, by: joint.columns(2 * width + head * size, count: size), into: output.base + head * size)
    }
  }
}

/// Replaces a row of logits x by e^(factor (x - max)), which are in proportion to the softmax at the temperature
/// 1 / factor.
public func exponentials(of logits: Matrix, factor: Float) {
  scale(logits.base, logits.columns, by: factor)
  _ = exponentiate(logits.base, logits.columns)
}

private func rowProduct<F: Finish>(_ input: Matrix, by weight: Matrix, into output: Matrix, finish: F) {
  precondition(input.columns == weight.rows && output.columns == weight.columns, "sizes of the factors")
  forEachPart(output.columns, multipleOf: laneCount, work: weight.count) { first, count in
    rowProductPart(input, by: weight.columns(first, count: count), into: output.base + first)
    finish(output.base + first, row: 0, column: first, count: count)
  }
}

/// Calls `body` with parts of `0..<total`, on all threads if there is enough work for them.
@inline(always)
private func forEachPart(
  _ total: Int, multipleOf unit: Int = 1, work: Int, _ body: (_ first: Int, _ count: Int) -> Void
) {
  guard work >= shared else { return body(0, total) }
  forEachThread(total, multipleOf: unit) { _, first, count in body(first, count) }
}

/// One thread's part of a row times a matrix: eight rows of the matrix at a time are added to the result, which stays
/// in the first-level cache.
private func rowProductPart(_ input: Matrix, by weight: Matrix, into output: UnsafeMutablePointer<Float>) {
  let (x, stride, count) = (input.base, weight.stride, weight.columns)
  output.update(repeating: 0, count: count)
  var row = 0
  while row + 8 <= weight.rows {
    let (a, w) = (x + row, weight.base + row &* stride)
    let (a0, a1, a2, a3) = (splat(a[0]), splat(a[1]), splat(a[2]), splat(a[3]))
    let (a4, a5, a6, a7) = (splat(a[4]), splat(a[5]), splat(a[6]), splat(a[7]))
    forEachVector(count) { i, n in
      let w = w + i
      var sum = load(output + i, n).addingProduct(a0, load(w, n)).addingProduct(a1, load(w + stride, n))
      sum = sum.addingProduct(a2, load(w + 2 &* stride, n)).addingProduct(a3, load(w + 3 &* stride, n))
      sum = sum.addingProduct(a4, load(w + 4 &* stride, n)).addingProduct(a5, load(w + 5 &* stride, n))
      sum = sum.addingProduct(a6, load(w + 6 &* stride, n)).addingProduct(a7, load(w + 7 &* stride, n))
      store(sum, output + i, n)
    }
    row += 8
  }
  while row < weight.rows {
    let (factor, w) = (splat(x[row]), weight.base + row &* stride)
    forEachVector(count) { i, n in store(load(output + i, n).addingProduct(factor, load(w + i, n)), output + i, n) }
    row += 1
  }
}

/// One thread's part of ``innerProducts(_:rows:into:)``: four rows at a time.
private func innerProducts(_ input: Matrix, rows matrix: Matrix, into products: UnsafeMutablePointer<Float>) {
  let (x, stride) = (input.base, matrix.stride)
  var row = 0
  while row + 4 <= matrix.rows {
    let m = matrix.base + row &* stride
    var (s0, s1, s2, s3) = (Lanes.zero, Lanes.zero, Lanes.zero, Lanes.zero)
    forEachVector(matrix.columns) { i, n in
      let (a, m) = (load(x + i, n), m + i)
      s0 = s0.addingProduct(a, load(m, n))
      s1 = s1.addingProduct(a, load(m + stride, n))
      s2 = s2.addingProduct(a, load(m + 2 &* stride, n))
      s3 = s3.addingProduct(a, load(m + 3 &* stride, n))
    }
    (products[row], products[row + 1]) = (s0.sum(), s1.sum())
    (products[row + 2], products[row + 3]) = (s2.sum(), s3.sum())
    row += 4
  }
  while row < matrix.rows {
    products[row] = dot(x, matrix.base + row &* stride, matrix.columns)
    row += 1
  }
}
