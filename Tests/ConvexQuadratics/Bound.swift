import Foundation
import Mixing

/// What is proven of DGA on quadratics, by step size h, interval T, rule and noise; `docs/theory.md` has statement and
/// proof.
///
///     mean of L(x_s) over updates s = 1..t  <=  V_0 / (2 mu margin t) + floor
///     V = 1/2 (x - c)' H^2 P^-1 (x - c) + KL(v || w) / rate,     P = 1 - (1 - h H)^T
///
/// with the smallest curvature mu, and `rate` what one update moves the weights of V by.
package struct Bound: Sendable {
  /// The largest distance between two domains' gradients, D.
  package let diameter: Double
  /// The smallest curvature, mu.
  package let least: Double
  /// The part of the descent that is left for sure; nothing is proven where it is not positive.
  package let margin: Double
  /// What noise leaves of the mean loss, however many steps there are.
  package let floor: Double
  /// The potential at the start.
  package private(set) var start: Double

  private let problem: Quadratics
  /// How much of the way to the mixture's minimum the steps between two updates go, P, (dimensions).
  private let progress: [Double]
  private let rate: Double

  /// Computes the constants for a walk that has not begun.
  ///
  /// - Returns: nil if nothing is proven: a step is too large, or the rule is no walk by `eta`, or it smooths raw
  ///   weights with their own history, or measures with noise, towards a target outside of the hull.
  package init?(_ descent: Descent, _ rule: UpdateRule, noise: Noise? = nil) {
    guard case .eta(let eta) = rule.step, rule.caution == .none, rule.floor == 0, eta > 0 else { return nil }
    let problem = descent.problem
    let gradients = problem.centres.map { zip(problem.curvature, $0).map { $0 * $1 } }
    let diameter = gradients.flatMap { one in gradients.map { distance(one, $0) } }.max()!
    let isInHull = distance(problem.limit, problem.target) < 1e-9
    let lag = rule.recursion == .raw ? (1 - rule.newWeight) / rule.newWeight : 0
    guard isInHull || (lag == 0 && noise == nil) else { return nil }
    guard noise == nil || descent.size * problem.curvature.max()! <= 1 else { return nil }

    (self.problem, self.diameter) = (problem, diameter)
    progress = problem.curvature.map { 1 - pow(1 - descent.size * $0, Double(descent.interval)) }
    least = problem.curvature.min()!
    rate = rule.recursion == .raw ? eta : eta * rule.newWeight
    let lost: (margin: Double, floor: Double)
    if let noise {
      lost = Self.lost(to: noise, problem, size: descent.size, eta: eta, lag: lag, diameter: diameter)
    } else {
      lost = (eta * diameter * diameter * (isInHull ? 0.125 + lag / 4 : 0.25), 0)
    }
    margin = 1 - progress.max()! / 2 - lost.margin
    guard margin > 0 else { return nil }
    floor = lost.floor / (2 * least * margin)
    start = 0
    start = potential(descent.x, descent.mixture.weights)
  }

  /// What updates take off the margin with noise, and what noise adds to the potential per update.
  private static func lost(
    to noise: Noise, _ problem: Quadratics, size: Double, eta: Double, lag: Double, diameter: Double
  ) -> (margin: Double, floor: Double) {
    let curvature = problem.curvature
    let variance = noise.deviation * noise.deviation
    let training = curvature.max()! * diameter * diameter / 2 + variance * curvature.reduce(0, +)
    let target = Double(curvature.count) * variance / Double(noise.targets)
    let others = Double(problem.centres.count - 1)
    let probed = (diameter * diameter + 2 * others * variance / Double(noise.probes)).squareRoot()
    let scores = probed * probed / 4
    let delay = lag * diameter * probed / Double(32).squareRoot()
    return (eta * (scores + 2 * delay), size * training / Double(noise.batch) + eta * target * (scores + delay))
  }

  /// The bound on the mean loss over updates 1 to t, and so on the loss of the mean parameters.
  package func meanLoss(after updates: Int) -> Double { start / (2 * least * margin * Double(updates)) + floor }

  /// The potential V; of rules that smooth raw weights with their own history it is about these.
  package func potential(_ x: [Double], _ weights: Weights) -> Double {
    let gradient = problem.gradient(of: problem.limit, at: x)
    let squares = zip(gradient, progress).reduce(0) { $0 + $1.0 * $1.0 / $1.1 }
    return squares / 2 + problem.optimum.divergence(from: weights) / rate
  }
}
