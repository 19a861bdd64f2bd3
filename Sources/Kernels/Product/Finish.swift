import CIntrinsics

/// What is done to a tile of a product as soon as it is complete, while it is still in the first-level cache.
///
/// A pass over the whole result later would read it from memory again, which costs as much as the arithmetic.
protocol Finish {
  /// Asks for the cache lines that finishing `count` columns from `column` on of one row needs beside the result.
  func prepare(row: Int, column: Int, count: Int)

  /// Finishes `count` columns from `column` on of one row of the result.
  func callAsFunction(_ values: UnsafeMutablePointer<Float>, row: Int, column: Int, count: Int)
}

extension Finish {
  @inline(always)
  func prepare(row: Int, column: Int, count: Int) {}
}

/// The product as it is.
struct Plain: Finish {
  @inline(always)
  func callAsFunction(_ values: UnsafeMutablePointer<Float>, row: Int, column: Int, count: Int) {}
}

/// Adds a bias (1, O).
struct AddBias: Finish {
  let bias: Matrix

  @inline(always)
  func callAsFunction(_ values: UnsafeMutablePointer<Float>, row: Int, column: Int, count: Int) {
    let bias = bias.base + column
    forEachVector(count) { i, n in store(load(values + i, n) + load(bias + i, n), values + i, n) }
  }
}

/// Adds a bias (1, O) and a residual (N, O).
struct AddBiasAndResidual: Finish {
  let bias, residual: Matrix

  @inline(always)
  func prepare(row: Int, column: Int, count: Int) {
    residual.prefetch(row: row, column: column, count: count)
  }

  @inline(always)
  func callAsFunction(_ values: UnsafeMutablePointer<Float>, row: Int, column: Int, count: Int) {
    let bias = bias.base + column
    let residual = residual.base + row &* residual.stride + column
    forEachVector(count) { i, n in
      store(load(values + i, n) + (load(residual + i, n) + load(bias + i, n)), values + i, n)
    }
  }
}

/// Adds a bias (1, O) and writes GELU of the result into `activated` (N, O).
struct AddBiasAndActivate: Finish {
  let bias, activated: Matrix

  @inline(always)
  func prepare(row: Int, column: Int, count: Int) {
    activated.prefetch(row: row, column: column, count: count, toWrite: true)
  }

  @inline(always)
  func callAsFunction(_ values: UnsafeMutablePointer<Float>, row: Int, column: Int, count: Int) {
    let bias = bias.base + column
    let activated = activated.base + row &* activated.stride + column
    forEachVector(count) { i, n in
      let x = load(values + i, n) + load(bias + i, n)
      store(x, values + i, n)
      store(x * gate(x), activated + i, n)
    }
  }
}

/// Turns the gradient of GELU's output into that of its input (N, O), and writes GELU of the input into `activated` (N,
/// O).
struct ActivationGradient: Finish {
  let input, activated: Matrix

  @inline(always)
  func prepare(row: Int, column: Int, count: Int) {
    input.prefetch(row: row, column: column, count: count)
    activated.prefetch(row: row, column: column, count: count, toWrite: true)
  }

  @inline(always)
  func callAsFunction(_ values: UnsafeMutablePointer<Float>, row: Int, column: Int, count: Int) {
    let input = input.base + row &* input.stride + column
    let activated = activated.base + row &* activated.stride + column
    forEachVector(count) { i, n in
      let x = load(input + i, n)
      let s = gate(x)
      let y = x * s
      store(y, activated + i, n)
      store(load(values + i, n) * geluDerivative(x, gate: s, value: y), values + i, n)
    }
  }
}

/// Keeps the largest element of each row in `maxima` (1, N), which begins at negative infinity.
struct RowMaximum: Finish {
  let maxima: Matrix

  @inline(always)
  func callAsFunction(_ values: UnsafeMutablePointer<Float>, row: Int, column: Int, count: Int) {
    maxima.base[row] = max(maxima.base[row], maximum(values, count))
  }
}

/// Multiplies every row by its factor, of `factors` (1, N).
struct ScaleRows: Finish {
  let factors: Matrix

  @inline(always)
  func callAsFunction(_ values: UnsafeMutablePointer<Float>, row: Int, column: Int, count: Int) {
    scale(values, count, by: factors.base[row])
  }
}

/// Adds the inner product of every row, plus a bias (1, O) where there is one, with that of `factors` (N, O) to `sums`
/// (1, N).
struct AddInnerProduct: Finish {
  let bias: Matrix?
  let factors, sums: Matrix

  @inline(always)
  func prepare(row: Int, column: Int, count: Int) {
    factors.prefetch(row: row, column: column, count: count)
  }

  @inline(always)
  func callAsFunction(_ values: UnsafeMutablePointer<Float>, row: Int, column: Int, count: Int) {
    let factors = factors.base + row &* factors.stride + column
    var sum = dot(values, factors, count)
    if let bias { sum += dot(bias.base + column, factors, count) }
    sums.base[row] += sum
  }
}

extension Matrix {
  /// Asks for the cache lines of some columns of a row, to read or to write them soon.
  @inline(always)
  fileprivate func prefetch(row: Int, column: Int, count: Int, toWrite: Bool = false) {
    let first = base + row &* stride + column
    for offset in Swift.stride(from: 0, to: count, by: Arena.alignment) {
      if toWrite { dga_prefetch(first + offset) } else { dga_prefetch_later(first + offset) }
    }
  }
}
