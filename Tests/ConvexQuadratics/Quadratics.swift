import Mixing

/// Domains and a target whose losses are quadratics of one curvature, so that all about DGA is known in closed form.
///
/// Domain i has the loss `1/2 (x - c_i)' H (x - c_i)`, the target `1/2 (x - c)' H (x - c)`, with a diagonal positive H.
package struct Quadratics: Sendable {
  /// The minima of the domains, (domains, dimensions).
  package var centres: [[Double]]
  /// The minimum of the target, (dimensions).
  package var target: [Double]
  /// The diagonal of H, (dimensions).
  package var curvature: [Double]
  /// The weights that DGA comes to rest at.
  package var optimum: Weights

  /// Describes a problem.
  package init(centres: [[Double]], target: [Double], curvature: [Double], optimum: Weights) {
    (self.centres, self.target, self.curvature, self.optimum) = (centres, target, curvature, optimum)
  }

  /// The point that the parameters come to: the mean of the centres with the optimum's weights.
  package var limit: [Double] { mean(optimum) }

  /// The minimum of the mixture's loss, (dimensions).
  package func mean(_ weights: Weights) -> [Double] {
    curvature.indices.map { j in zip(weights.values, centres).reduce(0) { $0 + $1.0 * $1.1[j] } }
  }

  /// The gradient at a point of the quadratic with this minimum, (dimensions).
  package func gradient(of centre: [Double], at x: [Double]) -> [Double] {
    x.indices.map { curvature[$0] * (x[$0] - centre[$0]) }
  }

  /// The loss at a point above the limit's, as if the limit were the target's minimum; it is, if that is in the hull.
  package func loss(_ x: [Double]) -> Double { dot(gradient(of: limit, at: x), difference(x, limit)) / 2 }

  /// The same domains and target with everything this many times as far apart.
  package func scaled(_ factor: Double) -> Quadratics {
    var scaled = self
    scaled.centres = centres.map { $0.map { factor * $0 } }
    scaled.target = target.map { factor * $0 }
    return scaled
  }

  /// Four centres in R^6 that are affinely independent, and a target in their hull.
  package static let inHull = {
    var problem = Quadratics(
      centres: [[2, 0, 0, 0, 1, 0], [0, 2, 0, 0, 0, 1], [0, 0, 2, 0, -1, 0], [0, 0, 0, 2, 0, -1]], target: [],
      curvature: [1, 0.5, 1, 0.5, 0.8, 1.2], optimum: Weights(proportionalTo: [4, 3, 2, 1])!)
    problem.target = problem.limit
    return problem
  }()

  /// The same centres, one of which is the target.
  package static let atCorner = {
    var problem = inHull
    problem.target = problem.centres[2]
    problem.optimum = Weights(proportionalTo: [0, 0, 1, 0])!
    return problem
  }()

  /// A triangle with the target beyond its far side.
  ///
  /// On that side alignments are equal where `|H (x - c)|` is least, at `v = 129 / 174`; the target's loss is least at
  /// 27 / 42.
  package static let outside = Quadratics(
    centres: [[0, 0], [2, 0], [0, 2]], target: [5 / 3.0, 5 / 3.0], curvature: [1, 0.4],
    optimum: Weights(proportionalTo: [0, 129, 45])!)
}

func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

func difference(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 - $1 } }

/// The Euclidean distance of two points.
package func distance(_ a: [Double], _ b: [Double]) -> Double {
  dot(difference(a, b), difference(a, b)).squareRoot()
}
