import ConvexQuadratics
import Mixing
import Testing

/// DGA where everything about it is known in closed form; the theorem and its proof are in docs/theory.md.
@Suite struct QuadraticTests {
  private static let start: [Double] = [5, -5, 5, -5, 5, -5]

  @Test(
    arguments: [1, 0.2],
    UpdateRule.Recursion.allCases)
  func `DGA converges to the target and its weights when the target is in the hull of the domains`(
    newWeight: Double, recursion: UpdateRule.Recursion
  ) {
    let problem = Quadratics.inHull
    let rule = UpdateRule(eta: 0.01, newWeight: newWeight, recursion: recursion)
    var descent = Descent(problem, from: Self.start, size: 0.1, rule: rule)
    for _ in 0..<40_000 {
      descent.advance()
    }
    // The slowest mode of the linearised flow decays by eta times the least positive eigenvalue of the weighted
    // covariance of H c_i (0.37 here), times the new weight if smoothed: 0.00074 a step or more, so by exp(-29) = 3e-13
    // in all, from a start at a distance of 12.
    #expect(distance(descent.x, problem.target) < 1e-9)
    #expect(descent.mixture.weights.distance(from: problem.optimum) < 1e-9)

    // Uniform sampling ends at the centroid of the domains instead.
    var uniform = Descent(problem, from: Self.start, size: 0.1, rule: UpdateRule(eta: 0))
    for _ in 0..<2000 { uniform.step() }
    #expect(distance(uniform.x, [0.5, 0.5, 0.5, 0.5, 0, 0]) < 1e-9)
    #expect(distance(uniform.x, problem.target) > 0.4)
  }

  @Test func `All weight goes to a domain that equals the target`() {
    let steps = 20_000
    var descent = Descent(.atCorner, from: Self.start, size: 0.1, rule: UpdateRule(eta: 0.05))
    for _ in 0..<steps {
      descent.advance()
    }
    // x follows the mixture's mean, so a weight w_i left elsewhere shrinks by eta w_i |H (c_i - c)|^2 or more a step:
    // w_i <= 1 / (eta t |H (c_i - c)|^2), where the squared distance is at least 4 here. Twice that for the others'
    // pull before x has arrived.
    let bound = 2 * 3 / (0.05 * Double(steps) * 4)
    #expect(descent.mixture.weights.values[2] > 1 - bound)
    // x is off by the lost weight times the distances between centres (below 4).
    #expect(distance(descent.x, Quadratics.atCorner.target) < 4 * bound)
  }

  @Test func `DGA converges to the point of the hull with the least gradient of a target outside`() {
    let problem = Quadratics.outside
    var descent = Descent(
      problem, from: [-1, 2], size: 0.1, rule: UpdateRule(eta: 0.05, newWeight: 0.5))
    for _ in 0..<10_000 {
      descent.advance()
    }
    #expect(distance(descent.x, problem.limit) < 1e-9)
    #expect(descent.mixture.weights.values[0] < 1e-9)

    /// The squares of curvature^power times the distance from the target, at a place on the far side.
    func square(_ share: Double, _ power: Int) -> Double {
      zip([2 * share, 2 * (1 - share)], zip(problem.target, problem.curvature)).reduce(0) {
        let difference = ($1.0 - $1.1.0) * (power == 2 ? $1.1.1 : $1.1.1.squareRoot())
        return $0 + difference * difference
      }
    }
    let share = descent.mixture.weights.values[1]
    #expect(square(share, 2) < min(square(share - 0.01, 2), square(share + 0.01, 2)))
    // The loss would be less with more weight of the other domain.
    #expect(square(share, 1) > square(share - 0.01, 1))
    #expect(square(27 / 42.0, 1) < min(square(0.63, 1), square(0.655, 1)))
  }

  @Test func `Stochastic gradients on drawn domains end near the target`() {
    let problem = Quadratics.inHull
    var descent = Descent(
      problem, from: Self.start, size: 0.01, rule: UpdateRule(eta: 0.05, newWeight: 0.2),
      noise: Noise(deviation: 0, seed: 3))
    for step in 0..<20_000 {
      descent.step()
      if step % 10 == 9 { descent.update() }
    }
    // A step's noise has variance trace(cov(H c_i)) / 16 < 3 / 16; with steps of 0.01 and curvature above 0.5 the
    // iterate wanders with variance below 0.01 / (2 * 0.5) * 3 / 16 = 0.0019, deviation 0.043. Three of them.
    #expect(distance(descent.x, problem.target) < 0.13)
    // w is off by what moves the mean as far: centres are at least 2 apart.
    #expect(descent.mixture.average.distance(from: problem.optimum) < 0.13)
  }
}

/// The bound of docs/theory.md, at every update of its examples.
@Suite struct QuadraticBoundTests {
  @Test func `Something is proven of 14 of the examples' walks`() {
    let proven = Example.all.map { example in Walker.all.filter { example.bound($0) != nil }.map(\.name) }
    let smoothed = ["no smoothing", "smoothed"]
    let all = ["no smoothing", "paper", "smoothed"]
    #expect(proven == [all, all, smoothed, smoothed, smoothed, smoothed, []])
  }

  @Test(arguments: Example.all)
  func `The mean loss is below the bound at every update, and not far below`(example: Example) {
    for walker in Walker.all {
      guard let bound = example.bound(walker) else { continue }
      let records = example.follow(walker, at: Array(1...1000))
      let slacks = records.map { bound.meanLoss(after: $0.update) / $0.meanLoss }
      #expect(slacks.min()! >= 1, "\(walker.name): \(slacks.min()!)")
      #expect(slacks.last! < 30, "\(walker.name): \(slacks.last!)")
      // The mean parameters are no worse than the mean loss, since losses are convex.
      #expect(records.allSatisfy { $0.lossOfMean <= $0.meanLoss * (1 + 1e-12) })
    }
  }

  @Test(arguments: Example.all.filter(\.seeds.isEmpty))
  func `The potential falls at every update by the margin times the squared gradient`(example: Example) {
    for walker in Walker.all where walker.name != "paper" {
      guard let bound = example.bound(walker) else { continue }
      var descent = example.descents(walker)[0]
      var last = bound.potential(descent.x, descent.raw)
      var excess = -Double.infinity
      #expect(abs(last - bound.start) < 1e-12 * last)
      for _ in 0..<2000 {
        descent.advance()
        let weights = walker.rule.newWeight == 1 ? descent.raw : descent.mixture.weights
        let now = bound.potential(descent.x, weights)
        let gradient = distance(
          example.problem.gradient(of: example.problem.limit, at: descent.x), descent.x.map { _ in 0 })
        excess = max(excess, now - last + bound.margin * gradient * gradient)
        last = now
      }
      #expect(excess < 1e-12)
      #expect(last < bound.start / 2)
    }
  }

  /// One dimension, two domains at a distance of 1 on either side: eta times the variance of gradients is eta. Weights
  /// cycle where a root of (z - 1 + P) (z - 1 + b) (z - 1) + P b eta z^2 is outside of the unit circle.
  @Test(arguments: [
    (interval: 1, newWeight: 0.1, limit: 0.235), (30, 1, 2.18), (30, 0.1, 25.2),
  ])
  func `Weights cycle beyond a step that depends on the interval and on smoothing`(
    interval: Int, newWeight: Double, limit: Double
  ) {
    let problem = Quadratics(centres: [[1], [-1]], target: [0], curvature: [1], optimum: .uniform(2))
    func last(_ eta: Double) -> Double {
      let rule = UpdateRule(eta: eta, newWeight: newWeight)
      var descent = Descent(problem, from: [0.1], size: 0.1, interval: interval, rule: rule)
      let distances = (0..<5000).map { _ in
        descent.advance()
        return abs(descent.x[0])
      }
      return distances.suffix(200).max()!
    }
    #expect(last(0.85 * limit) < 1e-6)
    #expect(last(1.15 * limit) > 0.01)
  }

  @Test func `With noise, smoothed weights that feed back vary less than those without smoothing`() {
    let example = Example.all.first { !$0.seeds.isEmpty }!
    let (free, smoothed) = (Walker.all[0], Walker.all[2])
    #expect(smoothed.rule.recursion == .smoothed && free.rule.newWeight == 1)
    #expect(example.follow(smoothed, at: [2000])[0].divergence < example.follow(free, at: [2000])[0].divergence / 3)
  }
}
