import Kernels
import Testing

/// Products of small integers are exact in Float in any order of addition, so these comparisons need no tolerance.
struct MatrixMultiplyTests {
  struct Case: CustomTestStringConvertible {
    let rows, inner, columns: Int
    let transposeA, transposeB: Bool
    var testDescription: String {
      "\(rows) x \(inner)\(transposeA ? " transposed" : "") by \(inner) x \(columns)\(transposeB ? " transposed" : "")"
    }
  }

  static let cases = [(1, 1, 1), (1, 7, 5), (17, 33, 9), (64, 65, 66), (5, 300, 1)].flatMap { rows, inner, columns in
    [(false, false), (false, true), (true, false), (true, true)].map {
      Case(rows: rows, inner: inner, columns: columns, transposeA: $0, transposeB: $1)
    }
  }

  @Test(arguments: cases)
  func `A product in every orientation, with strides, is the naive one`(c: Case) {
    let a = Table.integers(c.rows, c.inner, stream: 1)
    let b = Table.integers(c.inner, c.columns, stream: 2)
    let left = Framed(c.transposeA ? a.transposed : a, gap: 1)
    let right = Framed(c.transposeB ? b.transposed : b, gap: 2)

    // Keeping nothing must not even read what is there: 0 x NaN would be NaN.
    let fresh = Framed(unsetRows: c.rows, c.columns)
    multiply(left.matrix, transposeA: c.transposeA, by: right.matrix, transposeB: c.transposeB, into: fresh.matrix)
    #expect(fresh.contents() == a * b)

    let before = Table.integers(c.rows, c.columns, stream: 3)
    let kept = Framed(before)
    multiply(
      left.matrix, transposeA: c.transposeA, by: right.matrix, transposeB: c.transposeB,
      scale: -0.5, into: kept.matrix, keeping: 0.25)
    #expect(kept.contents() == -0.5 * (a * b) + 0.25 * before)
  }

  @Test func `Factors of shapes that do not fit end the process`() async {
    await #expect(processExitsWith: .failure) {
      let arena = Arena(count: 30)
      let (a, b) = (arena.matrix(at: 0, rows: 2, columns: 3), arena.matrix(at: 6, rows: 4, columns: 2))
      multiply(a, by: b, into: arena.matrix(at: 20, rows: 2, columns: 2))
    }
  }

  @Test(arguments: [(1, 1, 1), (3, 16, 32), (5, 33, 47), (6, 7, 15), (7, 40, 17)], [false, true])
  func `A linear layer forward is product plus bias plus residual`(
    shape: (rows: Int, inputs: Int, outputs: Int), hasResidual: Bool
  ) {
    let x = Table.integers(shape.rows, shape.inputs, stream: 4)
    let w = Table.integers(shape.inputs, shape.outputs, stream: 5)
    let b = Table.integers(1, shape.outputs, stream: 6)
    let r = Table.integers(shape.rows, shape.outputs, stream: 7)
    let input = Framed(x), weight = Framed(w, gap: 0), bias = Framed(b), residual = Framed(r, gap: 5)
    let output = Framed(unsetRows: shape.rows, shape.outputs)
    linearForward(
      input.matrix, weight: weight.matrix, bias: bias.matrix, residual: hasResidual ? residual.matrix : nil,
      into: output.matrix)
    let plain = x * w + b.repeated(shape.rows)
    #expect(output.contents() == (hasResidual ? plain + r : plain))
  }

  @Test func `A linear layer may add to its residual in place`() {
    let (x, w) = (Table.integers(5, 12, stream: 8), Table.integers(12, 21, stream: 9))
    let (b, r) = (Table.integers(1, 21, stream: 10), Table.integers(5, 21, stream: 11))
    let input = Framed(x), weight = Framed(w), bias = Framed(b), stream = Framed(r)
    linearForward(input.matrix, weight: weight.matrix, bias: bias.matrix, residual: stream.matrix, into: stream.matrix)
    #expect(stream.contents() == x * w + b.repeated(5) + r)
  }

  /// Rows of 1 to 9: the bias gradient sums four rows at a time.
  @Test(arguments: [(1, 1, 1), (2, 5, 16), (3, 16, 5), (4, 17, 33), (5, 9, 47), (9, 31, 15)])
  func `A linear layer backward adds both parameter gradients and writes the input's`(
    shape: (rows: Int, inputs: Int, outputs: Int)
  ) {
    let x = Table.integers(shape.rows, shape.inputs, stream: 12)
    let w = Table.integers(shape.inputs, shape.outputs, stream: 13)
    let dy = Table.integers(shape.rows, shape.outputs, stream: 14)
    let oldWeight = Table.integers(shape.inputs, shape.outputs, stream: 15)
    let oldBias = Table.integers(1, shape.outputs, stream: 16)
    let input = Framed(x), weight = Framed(w), outputGradient = Framed(dy, gap: 6)
    let weightGradient = Framed(oldWeight), biasGradient = Framed(oldBias)
    let inputGradient = Framed(unsetRows: shape.rows, shape.inputs)
    linearBackward(
      outputGradient: outputGradient.matrix, input: input.matrix, weight: weight.matrix,
      weightGradient: weightGradient.matrix, biasGradient: biasGradient.matrix, inputGradient: inputGradient.matrix)
    #expect(weightGradient.contents() == oldWeight + x.transposed * dy)
    #expect(biasGradient.contents() == oldBias + dy.columnSums)
    #expect(inputGradient.contents() == dy * w.transposed)
  }
}
