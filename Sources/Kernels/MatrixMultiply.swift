import COpenBLAS

/// Computes `result = scale * a * b + keep * result`, either factor transposed on request.
///
/// Shapes: op(a) (M, K), op(b) (K, N), result (M, N). OpenBLAS does the work.
public func multiply(
  _ a: Matrix, transposeA: Bool = false, by b: Matrix, transposeB: Bool = false,
  scale: Float = 1, into result: Matrix, keeping keep: Float = 0
) {
  let inner = transposeA ? a.rows : a.columns
  precondition((transposeA ? a.columns : a.rows) == result.rows, "rows of a and result differ")
  precondition((transposeB ? b.rows : b.columns) == result.columns, "columns of b and result differ")
  precondition((transposeB ? b.columns : b.rows) == inner, "inner sizes of a and b differ")
  cblas_sgemm(
    CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans, transposeB ? CblasTrans : CblasNoTrans,
    blasint(result.rows), blasint(result.columns), blasint(inner),
    scale, a.base, blasint(max(a.stride, 1)), b.base, blasint(max(b.stride, 1)),
    keep, result.base, blasint(max(result.stride, 1)))
}

// MARK: Linear layer, Y = X W + b with W (in, out) as GPT-2 stores it

/// Computes `output = input * weight + bias`, plus `residual` where there is one.
///
/// Shapes: input (N, I), weight (I, O), bias (1, O), residual and output (N, O). Bias and residual are laid down first and
/// the product is added to them: BLAS would otherwise spend the same pass on writing zeros.
public func linearForward(
  _ input: Matrix, weight: Matrix, bias: Matrix, residual: Matrix? = nil, into output: Matrix
) {
  let width = output.columns
  for row in 0..<output.rows {
    let target = output.base + row * output.stride
    if let residual {
      let source = residual.base + row * residual.stride
      forEachVector(width) { i, n in store(load(source + i, n) + load(bias.base + i, n), target + i, n) }
    } else {
      target.update(from: bias.base, count: width)
    }
  }
  multiply(input, by: weight, into: output, keeping: 1)
}

/// Adds a linear layer's weight and bias gradients and writes the gradient of its input.
///
/// Shapes as in ``linearForward(_:weight:bias:residual:into:)``; dW += X' dY, db += column sums of dY, dX = dY W'.
public func linearBackward(
  outputGradient: Matrix, input: Matrix, weight: Matrix,
  weightGradient: Matrix, biasGradient: Matrix, inputGradient: Matrix
) {
  multiply(input, transposeA: true, by: outputGradient, into: weightGradient, keeping: 1)
  addColumnSums(of: outputGradient, to: biasGradient)
  multiply(outputGradient, by: weight, transposeB: true, into: inputGradient)
}

/// Adds the sum of each column of `matrix` (N, O) to `sums` (1, O).
func addColumnSums(of matrix: Matrix, to sums: Matrix) {
  precondition(sums.columns == matrix.columns, "one sum a column")
  // Four rows a pass: the sums are read and written once for them.
  var row = 0
  let stride = matrix.stride
  while row + 4 <= matrix.rows {
    let r = matrix.base + row * stride
    forEachVector(matrix.columns) { i, n in
      let pair =
        (load(r + i, n) + load(r + stride + i, n)) + (load(r + 2 * stride + i, n) + load(r + 3 * stride + i, n))
      store(load(sums.base + i, n) + pair, sums.base + i, n)
    }
    row += 4
  }
  while row < matrix.rows {
    let r = matrix.base + row * stride
    forEachVector(matrix.columns) { i, n in store(load(sums.base + i, n) + load(r + i, n), sums.base + i, n) }
    row += 1
  }
}
