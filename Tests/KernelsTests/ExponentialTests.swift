import Foundation
import Kernels
import Testing

struct ExponentialTests {
  /// Every Float of [2^-20, 87] of both signs is within 1.192e-7; the steps of this sweep pass all exponents and, with
  /// an odd stride, all kinds of last bits.
  @Test func `The exponential keeps its relative error below 1.5e-7 on a dense sweep`() {
    var worst = 0.0
    let (first, last) = (Float(0x1p-20).bitPattern, Float(87).bitPattern)
    for bits in stride(from: first, through: last, by: 137) {
      let magnitude = Float(bitPattern: bits)
      var x = Lanes(repeating: magnitude)
      x[1] = -magnitude
      let result = exponential(x)
      worst = max(worst, abs(Double(result[0]) / exp(Double(magnitude)) - 1))
      worst = max(worst, abs(Double(result[1]) / exp(-Double(magnitude)) - 1))
    }
    #expect(worst < 1.5e-7)
  }

  @Test func `Every lane computes what it would alone`() {
    var x = Lanes()
    for lane in x.indices { x[lane] = Float(lane * lane) * 0.6 - 60 }
    let together = exponential(x)
    for lane in x.indices { #expect(exponential(Lanes(repeating: x[lane])) == Lanes(repeating: together[lane])) }
  }

  @Test func `The exponential is one at zero, saturates beyond its range and passes NaN on`() {
    func scalar(_ x: Float) -> Float { exponential(Lanes(repeating: x))[7] }
    #expect(scalar(0) == 1 && scalar(-0.0) == 1 && scalar(.leastNonzeroMagnitude) == 1)
    for low in [-88, -1e4, -.greatestFiniteMagnitude, -.infinity] as [Float] { #expect(scalar(low) == scalar(-87)) }
    for high in [89, 1e4, .greatestFiniteMagnitude, .infinity] as [Float] { #expect(scalar(high) == scalar(88)) }
    #expect(scalar(-87).isNormal && scalar(88).isNormal)
    #expect(scalar(.nan).isNaN)
  }
}
