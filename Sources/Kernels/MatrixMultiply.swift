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
