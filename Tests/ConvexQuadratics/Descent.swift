import Mixing

/// Gradient descent on a mixture whose weights DGA moves.
package struct Descent: Sendable {
  /// What is minimised.
  package let problem: Quadratics
  /// The parameters, (dimensions).
  package var x: [Double]
  /// The weights and what moves them.
  package private(set) var mixture: Mixture
  /// The learning rate h.
  package let size: Double
  /// Steps from one update to the next, T.
  package let interval: Int
  private var noise: Noise?

  /// Starts at a point with uniform weights.
  ///
  /// - Parameters:
  ///   - memory: How much earlier scores count at an update.
  ///   - noise: What makes gradients stochastic; nil for exact ones.
  package init(
    _ problem: Quadratics, from x: [Double], size: Double, interval: Int = 1, rule: UpdateRule, memory: Double = 0,
    noise: Noise? = nil
  ) {
    (self.problem, self.x, self.size, self.interval, self.noise) = (problem, x, size, interval, noise)
    mixture = Mixture(DynamicGradientAlignment(rule, memory: memory, start: .uniform(problem.centres.count)))
  }

  /// The weights before smoothing.
  package var raw: Weights { (mixture.method as! DynamicGradientAlignment).state.raw }

  /// Takes the steps of an interval, and moves the weights.
  package mutating func advance() {
    for _ in 0..<interval { step() }
    update()
  }

  /// Takes a step along the mixture's gradient.
  package mutating func step() {
    var gradient = problem.gradient(of: problem.mean(drawn()), at: x)
    disturb(&gradient, sequences: noise?.batch)
    for j in x.indices { x[j] -= size * gradient[j] }
  }

  private mutating func disturb(_ gradient: inout [Double], sequences: Int?) {
    if let sequences { noise?.disturb(&gradient, sequences: sequences) }
  }

  /// The shares of the domains in a batch: the weights themselves, or those of as many draws.
  private mutating func drawn() -> Weights {
    guard var noise else { return mixture.weights }
    defer { self.noise = noise }
    var counts = [Double](repeating: 0, count: mixture.weights.count)
    for _ in 0..<noise.batch {
      var left = noise.unit()
      let domain = mixture.weights.values.firstIndex { weight in
        left -= weight
        return left < 0
      }
      counts[domain ?? counts.count - 1] += 1
    }
    return Weights(proportionalTo: counts)!
  }

  /// Measures alignments where the parameters are, and moves the weights.
  package mutating func update() {
    var direction = problem.gradient(of: problem.target, at: x)
    disturb(&direction, sequences: noise?.targets)
    let probes = noise?.probes ?? 1
    let domains = problem.centres.indices.flatMap { [Int](repeating: $0, count: probes) }
    let unit = max(dot(direction, direction), .leastNormalMagnitude)
    let scores = domains.map { domain in
      var gradient = problem.gradient(of: problem.centres[domain], at: x)
      disturb(&gradient, sequences: 1)
      return dot(gradient, direction) / unit
    }
    var observations = Observations(.probes, step: mixture.state.moves + 1, domains: domains)
    observations.scores = [Observations.Scores(values: scores, unit: unit)]
    mixture.observe(observations)
    _ = mixture.move(after: mixture.state.moves + 1)
  }
}
