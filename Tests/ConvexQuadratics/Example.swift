import Mixing

/// A problem with a start, and the seeds of its noise.
package struct Example: Sendable, CustomStringConvertible {
  /// The words for it in tables.
  package let name: String
  package let problem: Quadratics
  /// Seeds over which results are averaged; none if gradients are exact.
  package let seeds: [Int]

  package var description: String { name }

  /// The learning rate h.
  package static let size = 0.1

  private init(_ name: String, _ problem: Quadratics, seeds: [Int] = []) {
    (self.name, self.problem, self.seeds) = (name, problem, seeds)
  }

  /// At a distance of 0.3 times the centres' the paper's step is small enough for the theorem.
  package static let all = [
    Example("in the hull", .inHull.scaled(0.3)),
    Example("at a corner", .atCorner.scaled(0.3)),
    Example("outside the hull", .outside.scaled(0.3)),
    Example("in the hull, noise", .inHull.scaled(0.3), seeds: Array(1...20)),
    Example("in the hull, far", .inHull),
  ]

  /// A descent with a rule, for each seed.
  package func descents(_ walker: Walker) -> [Descent] {
    let start = problem.curvature.indices.map { $0 % 2 == 0 ? 1.0 : -1 }
    return (seeds.isEmpty ? [nil] : seeds.map { Noise(seed: $0) }).map {
      Descent(problem, from: start, size: Self.size, rule: walker.rule, memory: walker.memory, noise: $0)
    }
  }

  /// What is proven for a rule; nil if nothing is.
  package func bound(_ walker: Walker) -> Bound? {
    Bound(descents(walker)[0], walker.rule, noise: seeds.isEmpty ? nil : Noise(seed: 1))
  }

  /// Follows a rule, with what is measured averaged over seeds.
  ///
  /// - Returns: A record for each of these steps.
  package func follow(_ walker: Walker, at steps: [Int]) -> [Record] {
    let runs = descents(walker).map { follow($0, at: steps) }
    return steps.indices.map { place in Record.mean(runs.map { $0[place] }) }
  }

  private func follow(_ start: Descent, at steps: [Int]) -> [Record] {
    var descent = start
    var records: [Record] = []
    var (sum, total) = ([Double](repeating: 0, count: descent.x.count), 0.0)
    for step in 1...steps.last! {
      descent.step()
      descent.update()
      for j in sum.indices { sum[j] += descent.x[j] }
      total += problem.loss(descent.x)
      guard step == steps[records.count] else { continue }
      records.append(
        Record(
          step: step, divergence: problem.optimum.divergence(from: descent.mixture.weights),
          distance: distance(descent.x, problem.limit), loss: problem.loss(descent.x),
          meanLoss: total / Double(step), lossOfMean: problem.loss(sum.map { $0 / Double(step) })))
    }
    return records
  }
}

/// A rule with its memory.
package struct Walker: Sendable {
  /// The words for it in tables.
  package let name: String
  package let rule: UpdateRule
  package let memory: Double

  /// The paper's step without smoothing, with its weights as their own history (the preset), with smoothed weights that
  /// feed back; and the rule of `caution: evidence`.
  package static let all: [Walker] = {
    let paper = DynamicGradientAlignment.Settings(for: Estimation(isPaper: true))
    let standard = DynamicGradientAlignment.Settings()
    return [
      Walker(name: "no smoothing", rule: UpdateRule(step: paper.rule.step), memory: paper.memory),
      Walker(name: "paper", rule: paper.rule, memory: paper.memory),
      Walker(
        name: "smoothed",
        rule: UpdateRule(step: paper.rule.step, newWeight: paper.rule.newWeight, recursion: .smoothed),
        memory: paper.memory),
      Walker(name: "evidence", rule: standard.rule, memory: standard.memory),
    ]
  }()
}

/// What is measured after a step.
package struct Record: Sendable {
  package var step: Int
  /// The divergence of the optimum from the weights in use, in nats.
  package var divergence: Double
  /// The distance of the parameters from the limit.
  package var distance: Double
  /// The loss above the limit's of the parameters, its mean over all steps, and that of the mean parameters.
  package var loss, meanLoss, lossOfMean: Double

  static func mean(_ records: [Record]) -> Record {
    func mean(_ value: (Record) -> Double) -> Double { records.reduce(0) { $0 + value($1) } / Double(records.count) }
    return Record(
      step: records[0].step, divergence: mean(\.divergence), distance: mean(\.distance), loss: mean(\.loss),
      meanLoss: mean(\.meanLoss), lossOfMean: mean(\.lossOfMean))
  }
}
