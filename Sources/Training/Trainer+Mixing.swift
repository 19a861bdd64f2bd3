import MPI
import Mixing
import Parallel
import Steering

/// The trainer's side of mixing: measurements before a step, and what follows from them.
extension Trainer {
  /// Measures what the method wants before the step, moves the weights if that is due, and measures directions for the
  /// sequences of the step if they are to be scored.
  ///
  /// - Returns: The memory of the gradients, cleared.
  mutating func steer(
    _ parameters: borrowing Parameters<Whole>, with gradients: consuming Gradients<Local>,
    over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    var observations: Observations?
    var gradients = gradients
    do {
      gradients = try steering.probe(
        before: step, into: &observations, on: &replica, parameters, with: gradients, over: world
      ) { [stops] in stops.isOver }
    } catch is Steering.GivenUp {
      try leaveBeforeStep(parameters, over: world)
    }
    if var observations {
      noteDirection()
      observations.learningRate = plan.schedule.rate(at: step)
      root?.mixture.observe(observations)
    }
    if steering.movesWeights(before: step), plan.method.weighting == .draws { try moveWeights(over: world) }
    let before = steering.tokens
    gradients = try steering.measureDirection(before: step, on: &replica, parameters, with: gradients, over: world)
    if steering.tokens > before { noteDirection() }
    return gradients
  }

  /// Measures the step's batch, moves the weights of losses, and gives each sequence its factor.
  ///
  /// - Returns: The memory of the gradients, cleared.
  mutating func weighLosses(
    _ parameters: borrowing Parameters<Whole>, with gradients: consuming Gradients<Local>,
    over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    var observations: Observations?
    let cleared = try steering.preview(
      batch, of: step, into: &observations, on: &replica, parameters, with: gradients, over: world)
    if var observations {
      observations.learningRate = plan.schedule.rate(at: step)
      root?.mixture.observe(observations)
    }
    if let moved = try sendMove(over: world) { lossWeights = moved.weights }
    setFactors()
    return cleared
  }

  /// Gives each sequence the factor a / q of its domain, with a the weights of losses and q what domains are drawn
  /// with; divided by the batch's mean, so that the length of gradients stays comparable.
  private mutating func setFactors() {
    var sum = 0.0
    for window in batch.windows { sum += lossFactor(Int(window.domain)) }
    let mean = sum / Double(batch.windows.count)
    for (slot, window) in batch.windows.enumerated() {
      batch.factors[slot] = mean > 0 ? Float(lossFactor(Int(window.domain)) / mean) : 1
    }
  }

  /// Gives each sequence the factor a / q of its domain if domains are drawn with other weights q than the mixture's a,
  /// so that the expected gradient is the mixture's.
  mutating func correctFactors() {
    guard isExploring else {
      if !batch.factors.isEmpty { batch.factors = [] }
      return
    }
    if batch.factors.isEmpty { batch.factors = [Float](repeating: 1, count: batch.windows.count) }
    for (slot, window) in batch.windows.enumerated() { batch.factors[slot] = Float(lossFactor(Int(window.domain))) }
  }

  private func lossFactor(_ domain: Int) -> Double { lossWeights[domain] / weights[domain] }

  /// Moves the weights that domains are drawn with, if the method does.
  mutating func moveWeights(over world: borrowing Communicator) throws {
    guard let moved = try sendMove(over: world) else { return }
    lossWeights = moved.weights
    try setWeights(moved.draws)
    steering.moved()
  }

  /// Lets the root rank move the weights and sends them to all, with what domains are drawn with; nil if they stay as
  /// they are.
  private mutating func sendMove(over world: borrowing Communicator) throws -> (weights: [Double], draws: [Double])? {
    let limits = plan.sampleLimits(after: step - 1, read: sampler.cursors)
    let moved = try root?.move(after: step - 1, limits: limits, tokens: steering.tokens, times.overheadShare)
    // Nothing moves, the weights do, or draws other than the weights come with them.
    let columns = try world.broadcast(moved.map { $0.draws == $0.weights ? 1 : 2 } ?? 0)
    guard columns > 0 else { return nil }
    let weights = try broadcast(moved?.weights, over: world)
    return (weights, columns == 1 ? weights : try broadcast(moved?.draws, over: world))
  }

  /// Sends a number of each domain from the root rank to all.
  private func broadcast(_ values: [Double]?, over world: borrowing Communicator) throws -> [Double] {
    var values = values ?? [Double](repeating: 0, count: weights.count)
    var span = values.mutableSpan
    try world.broadcast(&span, root: 0)
    return values
  }

  mutating func setWeights(_ weights: [Double]) throws {
    self.weights = weights
    isExploring = plan.method.weighting == .draws && weights != lossWeights
    try sampler.setWeights(weights) { [domains = plan.corpus.domains] in domains.name($0) }
  }

  /// Tells the forecast that the direction has been measured.
  private mutating func noteDirection() {
    guard let figure = steering.direction.figures.first else { return }
    root?.forecast.measured(
      figure.objective, isPredictive: plan.description.mixture.steering.isPredictive)
  }
}

extension Root {
  /// Moves the weights and records it; nil if the method leaves them as they are.
  mutating func move(
    after step: Int, limits: [Double]?, tokens: Int, _ overheadShare: Double
  ) throws -> (weights: [Double], draws: [Double])? {
    guard let (move, report) = mixture.move(after: step, limits: limits) else { return nil }
    try journal.mixed(step, mixture, move, report, forecast, probeTokens: tokens, overheadShare: overheadShare)
    if let coefficients = move.coefficients, let scores = coefficients.scores {
      forecast.moved(alignments: scores.alignments, weights: coefficients.weights.values)
    } else if let scores = move.scores {
      forecast.moved(alignments: scores.alignments, weights: mixture.weights.values)
    }
    return (mixture.weights.values, mixture.draws.values)
  }

  /// Records a step, and what each domain got at the end of an interval.
  mutating func noteStep(_ result: StepResult, cursors: [Int], isLast: Bool) throws {
    try journal.stepped(result, mixture, isLast: isLast)
    if journal.recordsDomains(after: result.step, isLast: isLast) {
      try journal.noteDomains(result.step, ledger.close(), cursors: cursors, mixture)
    }
  }

  /// Goes on from a checkpoint.
  mutating func restore(_ state: RunState) {
    forecast = state.forecast
    if state.ledger.count == ledger.count { ledger = state.ledger }
  }
}
