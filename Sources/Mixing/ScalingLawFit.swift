import Glibc

/// The loss of a domain after n sequences of training: `L(n) = exp(e) + exp(a) n^-alpha`.
public struct ScalingLaw: Codable, Sendable, Equatable {
  /// The logarithm of the loss that is left in the end, that of what training takes off, and the exponent.
  public var e, a, alpha: Double

  /// Creates a law.
  public init(e: Double, a: Double, alpha: Double) { (self.e, self.a, self.alpha) = (e, a, alpha) }

  /// The loss after n sequences.
  public func loss(_ n: Double) -> Double { exp(e) + reducible(n) }

  /// The part of it that more training takes off.
  public func reducible(_ n: Double) -> Double { exp(a - alpha * log(n)) }

  /// How fast the loss falls per sequence; exponents below 0.05 count as 0.05, as in the code of ADO.
  public func slope(_ n: Double) -> Double { max(alpha, 0.05) * reducible(n) / n }
}

extension ScalingLaw {
  /// The exponents that are possible, and the largest a: the bounds that ADO's fit is penalised beyond.
  static let exponents = 0.001...0.8
  static let largestA = 6.5
  /// Residuals of the log loss beyond this count in proportion, not squared.
  static let huber = 1e-3

  /// Fits the law to losses, by the sum of Huber losses (1e-3) of residuals of the log loss.
  ///
  /// From each exponent of a grid, with e and a of a straight line through (n^-alpha, loss), Levenberg-Marquardt steps
  /// on squares weighted such that they are Huber losses. ADO's code takes 512 starts and L-BFGS; since the law is
  /// linear but for alpha, the grid of alpha is enough. It also penalises `e < 0.5`, which is a loss per token of a
  /// large vocabulary: here e is free.
  ///
  /// - Parameter points: Sequences and loss, both above 0; at least 3 with different n.
  /// - Returns: Nil if the points say nothing.
  /// - Complexity: O(points), 8 starts of at most 100 steps.
  public init?(fitting points: [(n: Double, loss: Double)]) {
    let points = points.filter { $0.n > 0 && $0.loss > 0 && $0.n.isFinite && $0.loss.isFinite }
    guard let first = points.first, points.contains(where: { $0.n != first.n }), points.count >= 3 else { return nil }
    let fit = Fit(points)
    var best: (parameters: Fit.Parameters, cost: Double)?
    for exponent in [Self.exponents.lowerBound, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7] {
      let result = fit.descend(from: fit.start(exponent))
      if result.cost.isFinite && result.cost < best?.cost ?? .infinity { best = result }
    }
    guard let (e, b, alpha) = best?.parameters else { return nil }
    self.init(e: e, a: b + alpha * fit.center, alpha: alpha)
  }
}

/// The least-squares problem of a law, with `b = a - alpha center`: the amount in the middle of the points, nearly
/// independent of alpha.
private struct Fit {
  typealias Parameters = (e: Double, b: Double, alpha: Double)

  /// Logarithms of sequences from the middle, and of losses, (points).
  let times, logLosses: [Double]
  /// The mean logarithm of sequences.
  let center: Double

  init(_ points: [(n: Double, loss: Double)]) {
    let logs = points.map { log($0.n) }
    let middle = logs.reduce(0, +) / Double(logs.count)
    center = middle
    times = logs.map { $0 - middle }
    logLosses = points.map { log($0.loss) }
  }

  /// The parameters with an exponent whose straight line through (n^-alpha, loss) is nearest.
  func start(_ alpha: Double) -> Parameters {
    let xs = times.map { exp(-alpha * $0) }
    let ys = logLosses.map { exp($0) }
    let count = Double(xs.count)
    let (meanX, meanY) = (xs.reduce(0, +) / count, ys.reduce(0, +) / count)
    let covariance = zip(xs, ys).reduce(0) { $0 + ($1.0 - meanX) * ($1.1 - meanY) }
    let variance = xs.reduce(0) { $0 + ($1 - meanX) * ($1 - meanX) }
    // Both parts are to be positive: no loss falls below nothing, and none rises.
    let amount = max(covariance / variance, 1e-3 * meanY / meanX)
    let rest = max(meanY - amount * meanX, 1e-3 * meanY)
    return limited((log(rest), log(min(amount, (meanY - rest) / meanX)), alpha))
  }

  /// Parameters within their bounds.
  private func limited(_ p: Parameters) -> Parameters {
    let alpha = min(max(p.alpha, ScalingLaw.exponents.lowerBound), ScalingLaw.exponents.upperBound)
    return (min(max(p.e, -20), 20), min(max(p.b, -30), ScalingLaw.largestA - alpha * center), alpha)
  }

  private func cost(_ p: Parameters) -> Double {
    let rest = exp(p.e)
    var sum = 0.0
    for i in times.indices {
      let residual = abs(log(rest + exp(p.b - p.alpha * times[i])) - logLosses[i])
      sum +=
        residual <= ScalingLaw.huber ? residual * residual / 2 : ScalingLaw.huber * (residual - ScalingLaw.huber / 2)
    }
    return sum
  }

  /// Levenberg-Marquardt steps until they gain nothing.
  func descend(from start: Parameters) -> (parameters: Parameters, cost: Double) {
    var (p, damping) = (start, 1e-3)
    var present = cost(p)
    for _ in 0..<100 {
      let (normal, gradient) = equations(p)
      var gained = false
      while damping < 1e12 {
        let step = solve(normal, gradient, damping)
        let next = limited((p.e - step.0, p.b - step.1, p.alpha - step.2))
        let value = cost(next)
        if value < present {
          gained = present - value > 1e-10 * present
          (p, present) = (next, value)
          damping = max(damping / 5, 1e-12)
          break
        }
        damping *= 4
      }
      if !gained { break }
    }
    return (p, present)
  }

  /// The weighted normal equations: J' W J as (ee, eb, ea, bb, ba, aa), and J' W r.
  private func equations(_ p: Parameters) -> ([Double], (Double, Double, Double)) {
    var normal = [Double](repeating: 0, count: 6)
    var gradient = (0.0, 0.0, 0.0)
    let rest = exp(p.e)
    for i in times.indices {
      let amount = exp(p.b - p.alpha * times[i])
      let loss = rest + amount
      let residual = log(loss) - logLosses[i]
      let weight = min(1, ScalingLaw.huber / max(abs(residual), .leastNormalMagnitude))
      let (e, b, alpha) = (rest / loss, amount / loss, -times[i] * amount / loss)
      normal[0] += weight * e * e
      normal[1] += weight * e * b
      normal[2] += weight * e * alpha
      normal[3] += weight * b * b
      normal[4] += weight * b * alpha
      normal[5] += weight * alpha * alpha
      gradient = (
        gradient.0 + weight * e * residual, gradient.1 + weight * b * residual, gradient.2 + weight * alpha * residual
      )
    }
    return (normal, gradient)
  }

  /// Solves the damped equations by Cholesky's decomposition.
  private func solve(
    _ m: [Double], _ g: (Double, Double, Double), _ damping: Double
  ) -> (Double, Double, Double) {
    func damped(_ value: Double) -> Double { value * (1 + damping) + 1e-300 }
    let l00 = damped(m[0]).squareRoot()
    let (l10, l20) = (m[1] / l00, m[2] / l00)
    let l11 = max(damped(m[3]) - l10 * l10, 1e-300).squareRoot()
    let l21 = (m[4] - l20 * l10) / l11
    let l22 = max(damped(m[5]) - l20 * l20 - l21 * l21, 1e-300).squareRoot()
    let y0 = g.0 / l00
    let y1 = (g.1 - l10 * y0) / l11
    let y2 = (g.2 - l20 * y0 - l21 * y1) / l22
    let x2 = y2 / l22
    let x1 = (y1 - l21 * x2) / l11
    return ((y0 - l10 * x1 - l20 * x2) / l00, x1, x2)
  }
}
