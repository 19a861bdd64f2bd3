import Mixing

/// A problem with a start, and the seeds of its noise.
package struct Example: Sendable, CustomStringConvertible {
  /// The words for it in tables.
  package let name: String
  package let problem: Quadratics
  /// Steps from one update to the next.
  package let interval: Int
  /// Seeds over which results are averaged; none if gradients are exact.
  package let seeds: [Int]

  package var description: String { name }

  /// The learning rate h.
  package static let size = 0.1

  private init(_ name: String, _ problem: Quadratics, every interval: Int = 1, seeds: [Int] = []) {
    (self.name, self.problem, self.interval, self.seeds) = (name, problem, interval, seeds)
  }

  /// At a distance of 0.3 times the centres' the paper's step is small enough for the theorem.
  package static let all = [
    Example("in the hull", .inHull.scaled(0.3)),
    Example("at a corner", .atCorner.scaled(0.3)),
    Example("outside the hull", .outside.scaled(0.3)),
    Example("in the hull, every 30", .inHull.scaled(0.3), every: 30),
    Example("in the hull, noise", .inHull.scaled(0.3), seeds: Array(1...20)),
    Example("in the hull, far", .inHull),
    Example("farther, every 30", .inHull.scaled(3), every: 30),
  ]

  /// A descent with a rule, for each seed.
  package func descents(_ walker: Walker) -> [Descent] {
    let start = problem.curvature.indices.map { $0 % 2 == 0 ? 1.0 : -1 }
    return (seeds.isEmpty ? [nil] : seeds.map { Noise(seed: $0) }).map {
      Descent(
        problem, from: start, size: Self.size, interval: interval, rule: walker.rule, memory: walker.memory, noise: $0)
    }
  }

  /// What is proven for a rule; nil if nothing is.
  package func bound(_ walker: Walker) -> Bound? {
    Bound(descents(walker)[0], walker.rule, noise: seeds.isEmpty ? nil : Noise(seed: 1))
  }

  /// Follows a rule, with what is measured averaged over seeds.
  ///
  /// - Returns: A record after each of these updates.
  package func follow(_ walker: Walker, at updates: [Int]) -> [Record] {
    let runs = descents(walker).map { follow($0, at: updates) }
    return updates.indices.map { place in Record.mean(runs.map { $0[place] }) }
  }

  private func follow(_ start: Descent, at updates: [Int]) -> [Record] {
    var descent = start
    var records: [Record] = []
    var (sum, total) = ([Double](repeating: 0, count: descent.x.count), 0.0)
    for update in 1...updates.last! {
      descent.advance()
      for j in sum.indices { sum[j] += descent.x[j] }
      total += problem.loss(descent.x)
      guard update == updates[records.count] else { continue }
      records.append(
        Record(
          update: update, divergence: problem.optimum.divergence(from: descent.mixture.weights),
          distance: distance(descent.x, problem.limit), loss: problem.loss(descent.x),
          meanLoss: total / Double(update), lossOfMean: problem.loss(sum.map { $0 / Double(update) })))
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

/// What is measured after an update.
package struct Record: Sendable {
  package var update: Int
  /// The divergence of the optimum from the weights in use, in nats.
  package var divergence: Double
  /// The distance of the parameters from the limit.
  package var distance: Double
  /// The loss above the limit's of the parameters, its mean over all updates, and that of the mean parameters.
  package var loss, meanLoss, lossOfMean: Double

  static func mean(_ records: [Record]) -> Record {
    func mean(_ value: (Record) -> Double) -> Double { records.reduce(0) { $0 + value($1) } / Double(records.count) }
    return Record(
      update: records[0].update, divergence: mean(\.divergence), distance: mean(\.distance), loss: mean(\.loss),
      meanLoss: mean(\.meanLoss), lossOfMean: mean(\.lossOfMean))
  }
}
