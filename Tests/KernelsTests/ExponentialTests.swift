import Foundation
import Kernels
import Testing

struct ExponentialTests {
  /// The kernel's e^x of every value.
  private func exponentials(_ values: [Float]) -> [Float] {
    var values = values
    values.withUnsafeMutableBufferPointer { _ = exponentiate($0.baseAddress!, $0.count, largest: 0) }
    return values
  }

  /// Every Float of [2^-20, 87] of both signs is within 1.192e-7; the steps of this sweep pass all exponents and, with
  /// an odd stride, all kinds of last bits.
  @Test func `The exponential keeps its relative error below 1.5e-7 on a dense sweep`() {
    let (first, last) = (Float(0x1p-20).bitPattern, Float(87).bitPattern)
    let arguments = stride(from: first, through: last, by: 137).flatMap { bits in
      [Float(bitPattern: bits), -Float(bitPattern: bits)]
    }
    var worst = 0.0
    for (x, result) in zip(arguments, exponentials(arguments)) {
      worst = max(worst, abs(Double(result) / exp(Double(x)) - 1))
    }
    #expect(arguments.count > 1_000_000 && worst < 1.5e-7)
  }

  /// Two whole vectors of the longest kind and a part of one.
  @Test func `Every lane computes what it would alone`() {
    let arguments = (0..<45).map { Float($0 * $0) * 0.07 - 60 }
    #expect(exponentials(arguments) == arguments.map { exponentials([$0])[0] })
  }

  @Test func `The exponential is one at zero, saturates beyond its range and passes NaN on`() {
    func scalar(_ x: Float) -> Float { exponentials([Float](repeating: x, count: 16))[7] }
    #expect(scalar(0) == 1 && scalar(-0.0) == 1 && scalar(.leastNonzeroMagnitude) == 1)
    for low in [-88, -1e4, -.greatestFiniteMagnitude, -.infinity] as [Float] { #expect(scalar(low) == scalar(-87)) }
    for high in [89, 1e4, .greatestFiniteMagnitude, .infinity] as [Float] { #expect(scalar(high) == scalar(88)) }
    #expect(scalar(-87).isNormal && scalar(88).isNormal)
    #expect(scalar(.nan).isNaN)
  }
}
