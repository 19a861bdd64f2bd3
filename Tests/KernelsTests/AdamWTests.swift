import Foundation
import Kernels
import Testing

struct AdamWTests {
  /// AdamW of one parameter in Double, by the formulas of the paper, with first-order bounds of the kernel's rounding
  /// errors.
  private struct Twin {
    var parameter: Double
    var first = 0.0
    var second = 0.0
    /// The mean of |g| that goes with `first`: rounding errors are relative to it.
    private var magnitude = 0.0
    private(set) var parameterBound = 0.0

    init(_ parameter: Double) { self.parameter = parameter }

    mutating func update(gradient raw: Double, _ s: AdamWStep) {
      let (b1, b2) = (Double(s.firstDecay), Double(s.secondDecay))
      let (rate, decay) = (Double(s.learningRate), Double(s.weightDecay))
      let gradient = raw * Double(s.gradientScale)
      first = b1 * first + (1 - b1) * gradient
      magnitude = b1 * magnitude + (1 - b1) * abs(gradient)
      second = b2 * second + (1 - b2) * gradient * gradient
      let firstCorrection = 1 - pow(b1, Double(s.step)), secondCorrection = 1 - pow(b2, Double(s.step))
      let denominator = (second / secondCorrection).squareRoot() + Double(s.epsilon)
      let change = rate * (first / firstCorrection) / denominator
      parameter = parameter * (1 - rate * decay) - change
      // The change: moments round three times a step, as does the denominator by half of that; 8 roundings between here
      // and there. The parameter: shrink factor, product and difference.
      let steps = Double(s.step)
      let largestChange = rate * (magnitude / firstCorrection) / denominator
      parameterBound += unitRoundoff * ((4.5 * steps + 8) * largestChange + 3 * abs(parameter))
    }

    /// What rounding may do to the moments: three a step.
    func firstBound(steps: Int) -> Double { Double(3 * steps) * unitRoundoff * magnitude }
    func secondBound(steps: Int) -> Double { Double(3 * steps + 1) * unitRoundoff * second }
  }

  @Test(arguments: [1, 15, 16, 17, 93])
  func `Twelve updates with decay, clipping and a moving rate are the paper's`(count: Int) {
    let start = Table.noise(1, count, stream: 80)
    let parameters = Framed(start), firstMoments = Framed(Table(1, count)), secondMoments = Framed(Table(1, count))
    var twins = start.values.map { Twin($0) }
    let steps = 12
    for number in 1...steps {
      // Gradients over ten orders of magnitude, so that epsilon counts in some columns.
      let g = Table(1, count) {
        Double(Float(Table.noise(1, count, stream: 80 + number)[0, $1] * pow(10, Double($1 % 11) - 9)))
      }
      let gradients = Framed(g)
      let step = AdamWStep(
        learningRate: 0.01 / Float(number), firstDecay: 0.9, secondDecay: 0.95, epsilon: 1e-8, weightDecay: 0.1,
        gradientScale: number % 2 == 0 ? 0.37 : 1, step: number)
      step.update(
        parameters: parameters.matrix, gradients: gradients.matrix, firstMoments: firstMoments.matrix,
        secondMoments: secondMoments.matrix)
      for i in 0..<count { twins[i].update(gradient: g[0, i], step) }
      #expect(gradients.contents() == g)
    }
    func row(_ element: (Twin) -> Double) -> Table { Table(1, count) { element(twins[$1]) } }
    let first = worstShare(firstMoments.contents(), of: row { $0.firstBound(steps: steps) }, from: row(\.first))
    let second = worstShare(secondMoments.contents(), of: row { $0.secondBound(steps: steps) }, from: row(\.second))
    let moved = worstShare(parameters.contents(), of: row(\.parameterBound), from: row(\.parameter))
    #expect(first <= 1)
    #expect(second <= 1)
    #expect(moved <= 1)
  }

  @Test func `The first update moves every parameter by the learning rate against its gradient`() {
    // m' = g and v' = g^2 whatever the betas, so the change is lr g / (|g| + eps): lr but for about eight roundings.
    let gradients = Framed(Table.noise(1, 21, stream: 95, spread: 0.5, centre: -1))
    let parameters = Framed(Table(1, 21)), firstMoments = Framed(Table(1, 21)), secondMoments = Framed(Table(1, 21))
    AdamWStep(
      learningRate: 0.25, firstDecay: 0.8, secondDecay: 0.99, epsilon: 1e-12, weightDecay: 0.5, gradientScale: 2,
      step: 1
    ).update(
      parameters: parameters.matrix, gradients: gradients.matrix, firstMoments: firstMoments.matrix,
      secondMoments: secondMoments.matrix)
    #expect(parameters.contents().values.allSatisfy { abs($0 - 0.25) < 8 * unitRoundoff * 0.25 })
  }

  /// The gaps between tensors rely on it: they must stay zero.
  @Test func `Zero gradients without decay leave every bit`() {
    let start = Table(1, 37) { $1 == 36 ? 0 : Double($1) * 0.125 - 1 }
    let parameters = Framed(start), gradients = Framed(Table(1, 37))
    let firstMoments = Framed(Table(1, 37)), secondMoments = Framed(Table(1, 37))
    for number in 1...3 {
      AdamWStep(
        learningRate: 0.1, firstDecay: 0.9, secondDecay: 0.95, epsilon: 1e-8, weightDecay: 0, gradientScale: 1,
        step: number
      ).update(
        parameters: parameters.matrix, gradients: gradients.matrix, firstMoments: firstMoments.matrix,
        secondMoments: secondMoments.matrix)
    }
    #expect(parameters.contents() == start)
    #expect(firstMoments.contents() == Table(1, 37) && secondMoments.contents() == Table(1, 37))
  }
}
