import Foundation
import Kernels
import Testing

/// GELU in its tanh form, 0.5 x (1 + tanh u), against itself and its derivative in Double.
struct GELUTests {
  /// What the kernel computes, with first-order bounds of its rounding errors.
  ///
  /// The gate s = 1 / (1 + e), e = e^z, z = -2 sqrt(2/pi) x (1 + 0.044715 x^2). Two constants, and four roundings, put
  /// z off by 6 u |z|, and e by that and 2 u of its own; s moves by s (1 - s) of e's relative error. 1 + e and the
  /// quotient round as well, by u each, though by no more than e, which vanishes in 1 + e. Past |z| = 87 the kernel's e
  /// saturates at e^-87 and e^88: `floor` is what this adds.
  private struct Twin {
    let value, valueBound, derivative, derivativeBound: Double

    init(_ x: Double) {
      let slope = (2 / Double.pi).squareRoot()
      let u = slope * (x + 0.044715 * x * x * x)
      let s = 1 / (1 + exp(-2 * u))  // 0.5 (1 + tanh u) without cancellation
      let rest = 1 / (1 + exp(2 * u))  // 1 - s without cancellation
      let q = 2 * x * slope * (1 + 3 * 0.044715 * x * x)  // x 2u'
      let floor = 0x1p-125
      let exponentialShare = unitRoundoff * (6 * min(abs(2 * u), 88) + 2)
      let gateError = s * rest * exponentialShare + 2 * s * min(unitRoundoff, rest / s) + floor
      value = x * s
      valueBound = abs(x) * gateError + unitRoundoff * abs(x * s)
      derivative = s + q * s * rest
      // 1 - s inherits the error of s, q and the three products round: 10 u of their product, and the sum once more.
      derivativeBound = gateError * (1 + abs(q)) + unitRoundoff * (10 * abs(q) * s * rest + abs(derivative))
    }
  }

  /// A hundred steps a unit where GELU bends, then ever wider up to ten million.
  private static let inputs: [Double] = {
    var result = (-1500...1500).map { Double(Float($0) / 100) }
    for exponent in 20...160 {
      let magnitude = Double(Float(exp2(Double(exponent) / 7)))
      result += [magnitude, -magnitude]
    }
    return result
  }()

  /// Widths of one lane, one short of a vector, one vector, one more, and three vectors and a tail.
  @Test(arguments: [1, 15, 16, 17, 61])
  func `GELU is the tanh form, from its bend to the largest inputs, at every width`(width: Int) {
    let rows = (Self.inputs.count + width - 1) / width
    let x = Table(rows, width) { Self.inputs[($0 * width + $1) % Self.inputs.count] }
    let input = Framed(x), output = Framed(unsetRows: rows, width, gap: 5)
    geluForward(input.matrix, into: output.matrix)
    let share = worstShare(output.contents(), of: x.map { Twin($0).valueBound }, from: x.map { Twin($0).value })
    #expect(share <= 1)
  }

  @Test(arguments: [1, 15, 16, 17, 61])
  func `GELU's gradient is the incoming one times the derivative`(width: Int) {
    let rows = (Self.inputs.count + width - 1) / width
    let x = Table(rows, width) { Self.inputs[($0 * width + $1) % Self.inputs.count] }
    let dy = Table.noise(rows, width, stream: 40, spread: 3)
    let input = Framed(x), gradient = Framed(dy, gap: 5)
    geluBackward(gradient.matrix, input: input.matrix)
    let expected = Table(rows, width) { dy[$0, $1] * Twin(x[$0, $1]).derivative }
    let bounds = Table(rows, width) {
      let twin = Twin(x[$0, $1])
      return abs(dy[$0, $1]) * (twin.derivativeBound + unitRoundoff * abs(twin.derivative))
    }
    #expect(worstShare(gradient.contents(), of: bounds, from: expected) <= 1)
  }

  /// A diverging model must show.
  @Test func `GELU hides no NaN`() {
    let input = Framed(Table(1, 3) { $1 == 1 ? .nan : 1 }), output = Framed(unsetRows: 1, 3)
    geluForward(input.matrix, into: output.matrix)
    #expect(output.contents().values.map(\.isNaN) == [false, true, false])
    let gradient = Framed(Table(1, 3) { _, _ in 1 })
    geluBackward(gradient.matrix, input: input.matrix)
    #expect(gradient.contents().values.map(\.isNaN) == [false, true, false])
  }
}
