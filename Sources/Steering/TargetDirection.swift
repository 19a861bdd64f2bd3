import Columns
import Corpus
import Failures
import Foundation
import Kernels
import MPI
import Mixing
import Parallel
import Runs

/// What sequences are scored along: directions in the space of parameters, each the gradient of an objective on
/// steering text.
///
/// By the method's wish there is one for all steering targets together, the gradient of `sum_t w_t L_t + retention
/// L_generic`; or one for each target, of `log L_t`; or one of the mean loss over domains. Logarithms take the place of
/// losses if so configured, and a preconditioned gradient is divided by the denominator of AdamW's updates. For the
/// estimator `last-layer` gradients are those of the output layer, and directions are zero but in the token table. All
/// ranks share the passes, and each ends with whole directions.
package struct TargetDirection: ~Copyable {
  private let plan: SteeringPlan
  /// The terms of each direction's objective, (directions).
  private let objectives: [[Term]]
  /// What the directions are along, in words: scores along others cannot be compared.
  private let identity: String
  /// The directions, one in each row (directions, layout's length).
  private var arena: Arena
  /// Where a direction is measured, if there are several.
  private var workspace: Arena
  private var steering: DomainSampler
  /// For the generic loss, the mean over domains; none without it.
  private var generic: MixtureSampler?

  /// What is known of each direction since it was measured last, (directions).
  package private(set) var figures: [Figure]
  /// Whether the directions have been measured at all.
  package private(set) var isMeasured = false
  /// Tokens that one measurement reads, all ranks together.
  package let tokens: Int

  /// What is known of one direction.
  package struct Figure: Codable, Equatable, Sendable {
    /// The inner product of the objective's gradient with the direction: the score of a domain like the target.
    package var unit = 0.0
    /// The Euclidean norm of the direction.
    package var norm = 0.0
    /// The objective where the direction was measured: nats, or their logarithm.
    package var objective = 0.0
    /// The loss that came last in it, in nats per token: the objective's own if it has one term.
    package var loss = 0.0
  }

  /// Text whose loss is a term of an objective.
  private struct Term {
    let weight: Double
    /// The number among the targets; nil for the domains together.
    let target: Int?
    /// The windows that there are, and those that one measurement reads.
    let windows, sequences: Int
    let isLogarithm: Bool

    /// The share of the squared error of a gradient on b of W windows that the gradient on another b of them has in
    /// common with it: their means differ by the sampling of b out of W, and the mean of all W has an error of its own.
    /// Nil if there are no others.
    var recurrence: Double? { windows > sequences ? Double(sequences) / Double(windows - sequences) : nil }
  }

  /// Plans the measurements of a run.
  ///
  /// - Parameter isNeeded: Whether anything is scored; otherwise there are no directions.
  /// - Throws: `Failure(.badData)` if a target's steering part has no whole window.
  package init(_ plan: SteeringPlan, isNeeded: Bool = true) throws {
    // All that can fail comes first: a direction is never left half made.
    let windows = isNeeded ? try plan.targets.map { try Self.windows(of: $0, length: plan.length) } : []
    let objectives = isNeeded ? Self.objectives(of: plan, windows) : []
    let terms = objectives.flatMap(\.self)
    var generic: MixtureSampler?
    if terms.contains(where: { $0.target == nil }) {
      var sampler = MixtureSampler(windowCounts: plan.windowCounts, seed: plan.seed, stream: .retention)
      // A target that is read is no part of the generic loss.
      let weights = plan.windowCounts.enumerated().map { $1 > 0 && !plan.domains.isTarget($0) ? 1.0 : 0 }
      try sampler.setWeights(weights) { plan.domains.name($0) }
      generic = sampler
    }
    self.plan = plan
    self.objectives = objectives
    self.generic = generic
    identity = Self.identity(of: plan)
    steering = DomainSampler(windowCounts: windows, seed: plan.seed, stream: .steering)
    tokens = terms.reduce(0) { $0 + $1.sequences } * plan.length
    figures = objectives.map { _ in Figure() }
    let count = plan.layout.arenaCount
    arena = Arena(count: objectives.count * count)
    workspace = Arena(count: objectives.count > 1 ? count : 0)
  }

  private static func windows(of target: SteeringTarget, length: Int) throws -> Int {
    let count = windowCount(tokens: target.slice.tokenCount, context: length)
    guard count > 0 else {
      throw Failure(
        .badData,
        "The steering part of target \(target.name) has \(target.slice.tokenCount) tokens, but one sequence takes "
          + "\(length + 1): give the target more documents, or the model a shorter context.")
    }
    return count
  }

  private static func objectives(of plan: SteeringPlan, _ windows: [Int]) -> [[Term]] {
    let (settings, most) = (plan.settings.direction, plan.settings.targetSequences)
    func term(_ target: Int, weight: Double, isLogarithm: Bool) -> Term {
      // A small steering part is read whole, or by halves in turn if directions are to differ; reading windows twice
      // would add nothing.
      let available = plan.method.comparesMoves ? max(1, windows[target] / 2) : windows[target]
      return Term(
        weight: weight, target: target, windows: windows[target], sequences: min(most, available),
        isLogarithm: isLogarithm)
    }
    func generic(weight: Double) -> Term {
      Term(weight: weight, target: nil, windows: .max, sequences: most, isLogarithm: settings.logLoss)
    }
    switch plan.method.directions {
    case .combined:
      let targets = plan.targets.indices.map {
        term($0, weight: plan.targets[$0].weight, isLogarithm: settings.logLoss)
      }
      return [targets + (settings.retention > 0 ? [generic(weight: settings.retention)] : [])]
    case .eachTarget: return plan.targets.indices.map { [term($0, weight: 1, isLogarithm: true)] }
    case .generic: return [[generic(weight: 1)]]
    }
  }

  private static func identity(of plan: SteeringPlan) -> String {
    let settings = plan.settings.direction
    let terms = plan.targets.map { "\($0.name) \($0.weight)" } + ["retention \(settings.retention)"]
    let options = [
      ("log_loss", settings.logLoss), ("preconditioned", settings.preconditioned), ("cosine", settings.cosine),
      ("last layer", plan.settings.estimator.depth == .outputLayer),
    ]
    return
      ((plan.method.directions == .combined ? [] : ["\(plan.method.directions)"]) + terms
      + options.filter(\.1).map(\.0)).joined(separator: ", ")
  }

  /// The directions as rows of the layout.
  package var rows: Matrix { arena.matrix(at: 0, rows: objectives.count, columns: plan.layout.arenaCount) }

  /// The divisor that turns an inner product with a direction into a score: `|g| |G|` if `cosine` is set, with the
  /// gradient's norm
  /// |g|, else ``Figure/unit``.
  package func divisor(of direction: Int, norm: Double) -> Double {
    plan.settings.direction.cosine ? norm * figures[direction].norm : figures[direction].unit
  }

  /// The share of a direction's squared error that comes back with the directions of later measurements; nil for all.
  package func recurrence(of direction: Int) -> Double? {
    objectives[direction].reduce(0) { largest, term in term.recurrence.flatMap { one in largest.map { max($0, one) } } }
  }

  /// What a score of 1 is along a direction: ``Figure/unit``, or 1 for cosines.
  package func unit(of direction: Int) -> Double {
    plan.settings.direction.cosine ? 1 : figures[direction].unit
  }

  /// Inner products of the directions with each other, (directions, directions).
  package var gram: [[Double]] {
    let rows = rows
    return figures.indices.map { one in
      figures.indices.map { dot(rows.rows(one, count: 1), rows.rows($0, count: 1)) }
    }
  }

  /// Measures the directions at the present parameters.
  ///
  /// Collective: every rank calls, with the same parameters.
  ///
  /// - Parameters:
  ///   - draw: A number that no other measurement of the run has.
  ///   - gradients: Memory to work in; what it holds is overwritten.
  /// - Returns: The same memory, cleared.
  package mutating func measure(
    draw: Int, on replica: inout Replica, _ parameters: borrowing Parameters<Whole>,
    with gradients: consuming Gradients<Local>,
    over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    var gradients = gradients
    for index in objectives.indices {
      gradients = try measure(index, draw: draw, on: &replica, parameters, with: gradients, over: world)
      if objectives.count > 1 { copy(workspace.row, to: rows.rows(index, count: 1)) }
    }
    isMeasured = true
    return gradients
  }

  /// Measures one direction, into the workspace if there are several.
  private mutating func measure(
    _ index: Int, draw: Int, on replica: inout Replica, _ parameters: borrowing Parameters<Whole>,
    with gradients: consuming Gradients<Local>, over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    var gradients = gradients
    let isAlone = objectives.count == 1
    let row = isAlone ? arena.row : workspace.row
    let shards = replica.optimizer.shards
    var objective = 0.0
    for (place, term) in objectives[index].enumerated() {
      let batch = batch(of: term, draw: draw)
      var record = PassRecord(batch, length: plan.length)
      try replica.run(
        batch, &gradients, parameters, depth: plan.settings.estimator.depth, recording: &record, over: world)
      let averaged = try gradients.averaged(by: &replica.reduction, over: world)
      try record.sumLosses(over: world)
      let loss = record.loss
      figures[index].loss = loss
      objective += term.weight * (term.isLogarithm ? log(loss) : loss)
      let factor = Float(term.isLogarithm ? term.weight / loss : term.weight)
      for own in shards.own {
        let part = averaged.row.columns(own.lowerBound, count: own.count)
        let sum = row.columns(own.lowerBound, count: own.count)
        if factor != 1 { scale(part, by: factor) }
        if place == 0 { copy(part, to: sum) } else { add(part, to: sum) }
      }
      gradients = averaged.cleared()
    }
    figures[index].objective = objective
    figures[index].unit =
      plan.settings.direction.preconditioned
      ? try replica.applyPreconditioner(to: row, over: world) : try replica.sumOfSquares(of: row, over: world)
    figures[index].norm = try replica.sumOfSquares(of: row, over: world).squareRoot()
    if isAlone { try replica.gather(&arena, over: world) } else { try replica.gather(&workspace, over: world) }
    return gradients
  }

  /// The next sequences of a term.
  private mutating func batch(of term: Term, draw: Int) -> Batch {
    guard let target = term.target else {
      return plan.batch(generic!.draw(step: draw, count: term.sequences), from: plan.source)
    }
    return plan.batch(
      steering.draw(domain: target, count: term.sequences), from: .mapped(TokenSlices(plan.targets.map(\.slice))))
  }

  // MARK: Checkpoints

  /// What a checkpoint keeps of the directions, besides their elements.
  package struct State: Codable {
    var steering: [Int]
    var identity: String
    var generic: Column<Int>?
    var figures: [Figure]
    var isMeasured: Bool
  }

  /// The state for a checkpoint.
  var state: State {
    State(
      steering: steering.cursors, identity: identity, generic: (generic?.cursors).map { Column(wrappedValue: $0) },
      figures: figures,
      isMeasured: isMeasured)
  }

  /// Goes on from a checkpoint.
  ///
  /// - Throws: `Failure(.badData)` if the state is one of other targets or domains.
  /// - Returns: Whether the state is one of the same directions; others have no past here.
  mutating func restore(_ state: State, orders: [Int]?) throws -> Bool {
    if let cursors = generic?.cursors { try generic?.restore(cursors: cursors, orders: orders) }
    guard state.identity == identity else { return false }
    guard state.figures.count == figures.count else {
      throw Failure(
        .badData, "The steering state has figures of \(state.figures.count) directions, not of \(figures.count).")
    }
    try steering.restore(cursors: state.steering)
    if let cursors = state.generic?.wrappedValue { try generic?.restore(cursors: cursors, orders: orders) }
    (figures, isMeasured) = (state.figures, state.isMeasured)
    return true
  }

  /// The elements of all directions, to write to a checkpoint.
  package var span: Span<Float> {
    @_lifetime(borrow self) get { arena.span }
  }

  /// The elements of all directions, to read from a checkpoint.
  package var mutableSpan: MutableSpan<Float> {
    @_lifetime(&self) mutating get { arena.mutableSpan }
  }
}
