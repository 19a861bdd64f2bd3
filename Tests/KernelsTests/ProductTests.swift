import Kernels
import Testing

/// The matrix products of linear layers at sizes around those of tiles, panels and blocks, against sums in Double.
///
/// A sum of K products is off by at most K u times its magnitude, in whatever order it is added; bias and what was
/// there before add two roundings.
struct ProductTests {
  struct Case: CustomTestStringConvertible {
    let rows, inputs, outputs: Int
    var gap = 3
    var testDescription: String { "\(rows) rows, \(inputs) inputs, \(outputs) outputs" }
  }

  /// Whole tiles and what is left of them in each direction, several blocks in each direction, narrow results, rows 4
  /// KiB apart.
  static let cases = [
    Case(rows: 1, inputs: 1, outputs: 1), Case(rows: 8, inputs: 4, outputs: 48), Case(rows: 13, inputs: 7, outputs: 50),
    Case(rows: 250, inputs: 390, outputs: 97), Case(rows: 24, inputs: 64, outputs: 64),
    Case(rows: 9, inputs: 1024, outputs: 33, gap: 0), Case(rows: 400, inputs: 31, outputs: 128),
    Case(rows: 16, inputs: 5, outputs: 3100), Case(rows: 17, inputs: 245, outputs: 1024, gap: 0),
  ]

  @Test(arguments: cases)
  func `Forward, and backward overwriting or adding, are the naive sums`(c: Case) {
    let x = Table.noise(c.rows, c.inputs, stream: 1), w = Table.noise(c.inputs, c.outputs, stream: 2)
    let b = Table.noise(1, c.outputs, stream: 3), dy = Table.noise(c.rows, c.outputs, stream: 4)
    let oldWeight = Table.noise(c.inputs, c.outputs, stream: 5), oldBias = Table.noise(1, c.outputs, stream: 6)
    let input = Framed(x, gap: c.gap), weight = Framed(w, gap: c.gap), bias = Framed(b)
    let slope = Framed(dy, gap: c.gap)

    let output = Framed(unsetRows: c.rows, c.outputs, gap: c.gap)
    linearForward(input.matrix, weight: weight.matrix, bias: bias.matrix, into: output.matrix)
    let biases = Table(c.rows, c.outputs) { b[0, $1] }
    Self.expect(output.contents(), x * w + biases, x.magnitudes * w.magnitudes + biases.magnitudes, c.inputs + 2)

    for adding in [false, true] {
      let weightGradient = Framed(oldWeight, gap: c.gap), biasGradient = Framed(oldBias)
      let inputGradient = Framed(unsetRows: c.rows, c.inputs, gap: c.gap)
      linearBackward(
        outputGradient: slope.matrix, input: input.matrix, weight: weight.matrix, weightGradient: weightGradient.matrix,
        biasGradient: biasGradient.matrix, inputGradient: inputGradient.matrix, adding: adding)
      let kept = adding ? 1.0 : 0.0
      let (xt, wt) = (x.transposed, w.transposed)
      Self.expect(
        weightGradient.contents(), xt * dy + kept * oldWeight,
        xt.magnitudes * dy.magnitudes + kept * oldWeight.magnitudes, c.rows + 1)
      Self.expect(
        biasGradient.contents(), dy.columnSums + kept * oldBias,
        dy.magnitudes.columnSums + kept * oldBias.magnitudes, c.rows + 1)
      Self.expect(inputGradient.contents(), dy * wt, dy.magnitudes * wt.magnitudes, c.outputs)
    }
  }

  private static func expect(
    _ found: Table, _ expected: Table, _ magnitudes: Table, _ roundings: Int,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let bounds = Double(roundings) * unitRoundoff * magnitudes
    #expect(worstShare(found, of: bounds, from: expected) <= 1, sourceLocation: sourceLocation)
  }

  @Test
  func `GELU on tiles is GELU of the plain pass, to the bit, and so is its gradient but for the product under it`() {
    let input = Framed(Table.noise(37, 29, stream: 5)), weight = Framed(Table.noise(29, 101, stream: 6))
    let bias = Framed(Table.noise(1, 101, stream: 7))
    let output = Framed(unsetRows: 37, 101), activated = Framed(unsetRows: 37, 101)
    linearActivatedForward(
      input.matrix, weight: weight.matrix, bias: bias.matrix, into: output.matrix, activated: activated.matrix)
    let plain = Framed(unsetRows: 37, 101)
    geluForward(output.matrix, into: plain.matrix)
    #expect(activated.contents() == plain.contents())

    // The gradient through a layer that follows: dX = dY W', then GELU's.
    let dy = Table.noise(37, 23, stream: 8), w = Table.noise(101, 23, stream: 9)
    let slope = Framed(dy), next = Framed(w)
    let gradient = Framed(unsetRows: 37, 101), again = Framed(unsetRows: 37, 101)
    let weightGradient = Framed(unsetRows: 101, 23), biasGradient = Framed(unsetRows: 1, 23)
    activatedLinearBackward(
      outputGradient: slope.matrix, expanded: output.matrix, weight: next.matrix,
      weightGradient: weightGradient.matrix, biasGradient: biasGradient.matrix, activated: again.matrix,
      inputGradient: gradient.matrix, adding: false)
    #expect(again.contents() == plain.contents())
    let expected = Framed(dy * w.transposed)
    geluBackward(expected.matrix, input: output.matrix)
    // 23 products, and one rounding more of what is expected; GELU's derivative is below 1.2.
    let bounds = (24 * unitRoundoff * 1.2) * (dy.magnitudes * w.transposed.magnitudes)
    #expect(worstShare(gradient.contents(), of: bounds, from: expected.contents()) <= 1)
  }
}
