import Kernels
import Testing

struct LayerNormTests {
  struct Case: CustomTestStringConvertible {
    let rows, width: Int
    var spread = 1.0
    var centre = 0.25
    let reason: String
    var testDescription: String { "\(rows) rows of \(width): \(reason)" }
  }

  static let cases = [
    Case(rows: 3, width: 1, reason: "nothing but the mean"),
    Case(rows: 4, width: 2, reason: "less than a vector"),
    Case(rows: 5, width: 15, reason: "one lane short"),
    Case(rows: 5, width: 16, reason: "one vector"),
    Case(rows: 7, width: 17, reason: "a tail of one"),
    Case(rows: 6, width: 77, reason: "odd"),
    Case(rows: 2, width: 1023, reason: "long and odd"),
    Case(rows: 3, width: 33, spread: 1, centre: 1000, reason: "a mean far from zero"),
    Case(rows: 3, width: 33, spread: 1e-3, centre: 0, reason: "a variance below epsilon"),
  ]

  /// LayerNorm of one row in Double, with first-order bounds of the kernel's rounding errors.
  private struct Twin {
    let mean, reciprocal: Double
    let normal, normalBound: [Double]
    let meanBound, reciprocalShare: Double

    init(_ x: [Double]) {
      let width = Double(x.count)
      mean = x.reduce(0, +) / width
      let squares = x.map { [mean] in ($0 - mean) * ($0 - mean) }
      let variance = squares.reduce(0, +) / width
      reciprocal = 1 / (variance + 1e-5).squareRoot()
      // The sum of C terms, 1 / C and the product with it.
      meanBound = roundoff(x.count + 2) * x.reduce(0) { $0 + abs($1) } / width
      // A mean that is off by d adds d^2 to the variance; each difference rounds relative to itself, the square doubles
      // that, the sum and its mean round as above, epsilon and its sum twice. The root halves it all and rounds, as the
      // quotient does.
      let varianceBound = meanBound * meanBound + variance * roundoff(x.count + 5) + 2e-5 * unitRoundoff
      reciprocalShare = 0.5 * varianceBound / (variance + 1e-5) + 3 * unitRoundoff
      // The kernel computes x r - mean r, whose second product rounds first: what cancels keeps its rounding.
      normal = x.map { [mean, reciprocal] in ($0 - mean) * reciprocal }
      normalBound = normal.map { [mean, reciprocal, meanBound, reciprocalShare] in
        reciprocal * (meanBound + unitRoundoff * abs(mean)) + abs($0) * (reciprocalShare + unitRoundoff)
      }
    }
  }

  @Test(arguments: cases)
  func `LayerNorm normalises, scales and shifts every row, and leaves its statistics`(c: Case) {
    let x = Table.noise(c.rows, c.width, stream: 50, spread: c.spread, centre: c.centre)
    let g = Table.noise(1, c.width, stream: 51, spread: 0.5, centre: 1)
    let b = Table.noise(1, c.width, stream: 52, spread: 0.5)
    let input = Framed(x), gain = Framed(g), bias = Framed(b)
    let statistics = Framed(unsetRows: 2, c.rows), output = Framed(unsetRows: c.rows, c.width, gap: 5)
    layerNormForward(
      input.matrix, gain: gain.matrix, bias: bias.matrix, statistics: statistics.matrix, into: output.matrix)

    let twins = Self.twins(x)
    let expected = Table(c.rows, c.width) { twins[$0].normal[$1] * g[0, $1] + b[0, $1] }
    let bounds = Table(c.rows, c.width) {
      twins[$0].normalBound[$1] * abs(g[0, $1]) + unitRoundoff * abs(expected[$0, $1])
    }
    #expect(worstShare(output.contents(), of: bounds, from: expected) <= 1)
    let expectedStatistics = Table(2, c.rows) { $0 == 0 ? twins[$1].mean : twins[$1].reciprocal }
    let statisticsBounds = Table(2, c.rows) {
      $0 == 0 ? twins[$1].meanBound : twins[$1].reciprocal * twins[$1].reciprocalShare
    }
    #expect(worstShare(statistics.contents(), of: statisticsBounds, from: expectedStatistics) <= 1)
  }

  /// With n the normalised row, d = dy gain: dx += r (d - mean(d) - n mean(d n)), dgain += sum dy n, dbias += sum dy.
  @Test(arguments: cases)
  func `LayerNorm backward adds the gradients of input, gain and bias to what is there`(c: Case) {
    let x = Table.noise(c.rows, c.width, stream: 53, spread: c.spread, centre: c.centre)
    let g = Table.noise(1, c.width, stream: 54, spread: 0.5, centre: 1)
    let dy = Table.noise(c.rows, c.width, stream: 55)
    let twins = Self.twins(x)

    // Starting from the forward pass's statistics, as the model does.
    let input = Framed(x), gain = Framed(g), outputGradient = Framed(dy, gap: 6)
    let statistics = Framed(unsetRows: 2, c.rows), output = Framed(unsetRows: c.rows, c.width)
    layerNormForward(
      input.matrix, gain: gain.matrix, bias: gain.matrix, statistics: statistics.matrix, into: output.matrix)
    let oldInput = Table.noise(c.rows, c.width, stream: 56)
    let oldGain = Table.noise(1, c.width, stream: 57), oldBias = Table.noise(1, c.width, stream: 58)
    let inputGradient = Framed(oldInput), gainGradient = Framed(oldGain), biasGradient = Framed(oldBias)
    layerNormBackward(
      outputGradient: outputGradient.matrix, input: input.matrix, gain: gain.matrix, statistics: statistics.matrix,
      gainGradient: gainGradient.matrix, biasGradient: biasGradient.matrix, addingTo: inputGradient.matrix)

    var (dx, dxBounds) = (oldInput, oldInput)
    var (dGain, dBias) = (oldGain, oldBias)
    var (gainBounds, biasBounds) = (oldGain.magnitudes, oldBias.magnitudes)
    for row in 0..<c.rows {
      let twin = twins[row]
      func mean(_ term: (Int) -> Double) -> Double { (0..<c.width).reduce(0) { $0 + term($1) } / Double(c.width) }
      let meanSum = mean { dy[row, $0] * g[0, $0] }
      let meanProduct = mean { dy[row, $0] * g[0, $0] * twin.normal[$0] }
      // Each mean: the sum of C terms, rounded products, 1 / C; the second also inherits the error of n.
      let sumBound = roundoff(c.width + 3) * mean { abs(dy[row, $0] * g[0, $0]) }
      let productBound =
        roundoff(c.width + 4) * mean { abs(dy[row, $0] * g[0, $0] * twin.normal[$0]) }
        + mean { abs(dy[row, $0] * g[0, $0]) * twin.normalBound[$0] }
      for column in 0..<c.width {
        let (d, n) = (dy[row, column] * g[0, column], twin.normal[column])
        let centred = d - meanSum - n * meanProduct
        let centredBound =
          sumBound + abs(n) * productBound + twin.normalBound[column] * abs(meanProduct)
          + 3 * unitRoundoff * (abs(d) + abs(meanSum) + abs(n * meanProduct))
        dx[row, column] += twin.reciprocal * centred
        dxBounds[row, column] =
          twin.reciprocal * (centredBound + twin.reciprocalShare * abs(centred))
          + unitRoundoff * abs(dx[row, column])
        dGain[0, column] += dy[row, column] * n
        dBias[0, column] += dy[row, column]
        gainBounds[0, column] += abs(dy[row, column] * n)
        biasBounds[0, column] += abs(dy[row, column])
      }
    }
    for column in 0..<c.width {
      gainBounds[0, column] *= roundoff(c.rows + 1)
      for row in 0..<c.rows { gainBounds[0, column] += abs(dy[row, column]) * twins[row].normalBound[column] }
    }
    #expect(worstShare(inputGradient.contents(), of: dxBounds, from: dx) <= 1)
    #expect(worstShare(gainGradient.contents(), of: gainBounds, from: dGain) <= 1)
    #expect(worstShare(biasGradient.contents(), of: roundoff(c.rows + 1) * biasBounds, from: dBias) <= 1)
  }

  private static func twins(_ x: Table) -> [Twin] {
    (0..<x.rows).map { row in Twin((0..<x.columns).map { x[row, $0] }) }
  }
}
