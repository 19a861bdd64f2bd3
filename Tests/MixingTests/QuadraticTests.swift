import Foundation
import Mixing
import Testing

/// A family of quadratics where everything about DGA is known in closed form.
///
/// Domain i has the loss `1/2 (x - c_i)' H (x - c_i)`, the target `L(x) = 1/2 (x - c)' H (x - c)`, with a diagonal
/// positive H. A step of size h along the mixture's gradient moves x towards `sum_i w_i c_i`; an update follows each
/// step. Claim: if `c = sum_i v_i c_i` with v on the simplex, then along the flow that the steps follow as they get
/// small,
///
///     V = L(x) + (h / eta) KL(v || w)   changes by   -h |grad L(x)|^2   a step:
///
/// V never rises, so x converges to c, and w to v if the `c_i` are affinely independent. Proof:
/// `a_i - mean a = -(c_i - m)' H^2 (x - c)` with `m = sum w_i c_i`, so KL changes by `-eta (m - c)' H^2 (x - c)`, and L
/// by `-h (x - c)' H^2 ((x - c) - (m - c))`; the cross terms cancel.
private struct Quadratics {
  var centres: [[Double]]
  var target: [Double]
  var curvature: [Double]
  var x: [Double]
  var mixture: Mixture

  /// Takes a step of plain gradient descent on the mixture.
  mutating func step(size: Double) {
    for j in x.indices {
      let mean = zip(mixture.weights.values, centres).reduce(0) { $0 + $1.0 * $1.1[j] }
      x[j] -= size * curvature[j] * (x[j] - mean)
    }
  }

  /// Takes a step of stochastic gradient descent: the mean gradient of `batch` domains drawn from the weights.
  mutating func stochasticStep(size: Double, batch: Int, random: inout SplitMix) {
    let weights = mixture.weights.values
    var gradient = [Double](repeating: 0, count: x.count)
    for _ in 0..<batch {
      var left = random.unit()
      let domain = weights.firstIndex { w in
        left -= w
        return left < 0
      }
      for j in x.indices { gradient[j] += curvature[j] * (x[j] - centres[domain!][j]) / Double(batch) }
    }
    for j in x.indices { x[j] -= size * gradient[j] }
  }

  mutating func update() {
    _ = mixture.update(
      alignment: centres.map { centre in
        x.indices.reduce(0.0) {
          $0 + curvature[$1] * (x[$1] - centre[$1]) * curvature[$1] * (x[$1] - target[$1])
        }
      })
  }

  func distance(to point: [Double]) -> Double {
    zip(x, point).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
  }
}

/// Four centres in R^6 that are affinely independent, and a target inside their hull.
private func inHull(_ rule: UpdateRule) -> (problem: Quadratics, optimum: Weights) {
  let centres: [[Double]] = [
    [2, 0, 0, 0, 1, 0], [0, 2, 0, 0, 0, 1], [0, 0, 2, 0, -1, 0], [0, 0, 0, 2, 0, -1],
  ]
  let optimum = Weights(proportionalTo: [4, 3, 2, 1])!
  let target = (0..<6).map { j in zip(optimum.values, centres).reduce(0) { $0 + $1.0 * $1.1[j] } }
  let problem = Quadratics(
    centres: centres, target: target, curvature: [1, 0.5, 1, 0.5, 0.8, 1.2], x: [5, -5, 5, -5, 5, -5],
    mixture: Mixture(domains: 4, following: rule))
  return (problem, optimum)
}

@Suite struct QuadraticTests {
  @Test(
    arguments: [1, 0.2],
    UpdateRule.Recursion.allCases)
  func `DGA converges to the target and its weights when the target is in the hull of the domains`(
    newWeight: Double, recursion: UpdateRule.Recursion
  ) {
    var (problem, optimum) = inHull(UpdateRule(eta: 0.01, newWeight: newWeight, recursion: recursion))
    for _ in 0..<40_000 {
      problem.step(size: 0.1)
      problem.update()
    }
    // The slowest mode of the linearised flow decays by eta times the least positive eigenvalue of the weighted
    // covariance of H c_i (0.37 here), times the new weight if smoothed: 0.00074 a step or more, so by exp(-29) = 3e-13
    // in all, from a start at a distance of 12.
    #expect(problem.distance(to: problem.target) < 1e-9)
    #expect(problem.mixture.weights.distance(from: optimum) < 1e-9)

    // Uniform sampling ends at the centroid of the domains instead.
    var (uniform, _) = inHull(UpdateRule(eta: 0))
    for _ in 0..<2000 { uniform.step(size: 0.1) }
    #expect(uniform.distance(to: [0.5, 0.5, 0.5, 0.5, 0, 0]) < 1e-9)
    #expect(uniform.distance(to: problem.target) > 0.4)
  }

  @Test func `Target loss plus scaled divergence from the optimum never rises`() {
    let (size, eta) = (1e-3, 1e-4)
    var (problem, optimum) = inHull(UpdateRule(eta: eta))
    func potential() -> Double {
      let loss = problem.x.indices.reduce(0.0) {
        let d = problem.x[$1] - problem.target[$1]
        return $0 + 0.5 * problem.curvature[$1] * d * d
      }
      let weights = problem.mixture.raw.values
      let divergence = zip(optimum.values, weights).reduce(0.0) { $0 + $1.0 * (log($1.0) - log($1.1)) }
      return loss + size / eta * divergence
    }
    var last = potential()
    let first = last
    for _ in 0..<20_000 {
      let squaredGradient = problem.x.indices.reduce(0.0) {
        let g = problem.curvature[$1] * (problem.x[$1] - problem.target[$1])
        return $0 + g * g
      }
      problem.step(size: size)
      problem.update()
      let now = potential()
      // The claim's rate, up to the second order of one step: |step|^2 and eta^2 Var(a), both of order size^2 V.
      #expect(abs(now - last + size * squaredGradient) < 10 * size * size * last)
      last = now
    }
    #expect(last < first / 100)
  }

  @Test func `All weight goes to a domain that equals the target`() {
    var (problem, _) = inHull(UpdateRule(eta: 0.05))
    problem.target = problem.centres[2]
    let steps = 20_000
    for _ in 0..<steps {
      problem.step(size: 0.1)
      problem.update()
    }
    // x follows the mixture's mean, so a weight w_i left elsewhere shrinks by eta w_i |H (c_i - c)|^2 or more a step:
    // w_i <= 1 / (eta t |H (c_i - c)|^2), where the squared distance is at least 4 here. Twice that for the others'
    // pull before x has arrived.
    let bound = 2 * 3 / (0.05 * Double(steps) * 4)
    #expect(problem.mixture.weights.values[2] > 1 - bound)
    // x is off by the lost weight times the distances between centres (below 4).
    #expect(problem.distance(to: problem.target) < 4 * bound)
  }

  @Test func `DGA converges to the nearest point of the hull when the target is outside`() {
    // The triangle (0,0), (1,0), (0,1) and the target (0.8, 0.8): the nearest point is the middle of the far side.
    var problem = Quadratics(
      centres: [[0, 0], [1, 0], [0, 1]], target: [0.8, 0.8], curvature: [1, 1], x: [-1, 2],
      mixture: Mixture(domains: 3, following: UpdateRule(eta: 0.05, newWeight: 0.5)))
    for _ in 0..<10_000 {
      problem.step(size: 0.1)
      problem.update()
    }
    // Off the support a_0 is lower by (c - x) . (c_1 - c_0) = 0.3: exp(-0.05 * 0.3 * 10^4) is nothing; along the side
    // the weights settle by eta * variance (1/4 * 2) = 0.025 a step.
    #expect(problem.distance(to: [0.5, 0.5]) < 1e-9)
    #expect(problem.mixture.weights.values[0] < 1e-9)
  }

  @Test func `Stochastic gradients on drawn domains end near the target`() {
    let rule = UpdateRule(eta: 0.05, newWeight: 0.2)
    var (problem, optimum) = inHull(rule)
    var random = SplitMix(seed: 3)
    for step in 0..<20_000 {
      problem.stochasticStep(size: 0.01, batch: 16, random: &random)
      if step % 10 == 9 { problem.update() }
    }
    // A step's noise has variance trace(cov(H c_i)) / 16 < 3 / 16; with steps of 0.01 and curvature above 0.5 the
    // iterate wanders with variance below 0.01 / (2 * 0.5) * 3 / 16 = 0.0019, deviation 0.043. Three of them.
    #expect(problem.distance(to: problem.target) < 0.13)
    // w is off by what moves the mean as far: centres are at least 2 apart.
    #expect(problem.mixture.average.distance(from: optimum) < 0.13)
  }
}
