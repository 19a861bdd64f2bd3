import Configuration
import Corpus
import Foundation
import Kernels
import MPI
import Transformer

/// What domains are compared with: the direction in the space of parameters along which the target's loss falls.
///
/// It is the gradient of the objective `sum_t w_t L_t + retention L_generic` on steering windows, with log L_t for L_t if so
/// configured; and, preconditioned, divided by the denominator of AdamW's updates. All ranks share the passes, and each ends
/// with the whole direction.
package struct TargetDirection: ~Copyable {
  private let settings: DirectionSettings
  private let length: Int
  private let sources: [Source]
  /// What the direction is along, in words: scores along another one cannot be compared.
  private let identity: String
  private var arena: Arena
  private var reader: BatchReader
  private var steering: DomainSampler
  /// For the generic loss, which is the mean over domains; none without retention.
  private var generic: MixtureSampler?

  /// The inner product of the objective's gradient with the direction: the alignment of a domain like the target.
  package private(set) var unit = 0.0
  /// The Euclidean norm of the direction.
  package private(set) var norm = 0.0
  /// The objective where the direction was measured last, in nats or their logarithm; nil before.
  private(set) var objective: Double?
  /// Tokens that one measurement reads, all ranks together.
  let tokens: Int

  /// Text that a term of the objective is measured on.
  private struct Source {
    let weight: Double
    /// The number among the targets; nil for the domains together.
    let target: Int?
    let slices: [TokenSlice]
    let sequences: Int
    /// Sequences of a micro-batch.
    let micro: Int
    let tree: SummationTree
  }

  /// Plans the measurements of a run.
  ///
  /// - Throws: `Failure(.badData)` if a target's steering part has no whole window.
  package init(_ plan: RunPlan) throws {
    // All that can fail comes first: a direction is never left half made.
    let settings = plan.configuration.mixture.alignment.direction
    let length = plan.model.context
    let most = plan.configuration.mixture.alignment.targetSequences
    func source(_ weight: Double, target: Int?, _ slices: [TokenSlice], _ sequences: Int) -> Source {
      // Small enough that all groups, and so all ranks, have some.
      let micro = min(plan.batch.micro, (sequences + plan.groups - 1) / plan.groups)
      return Source(
        weight: weight, target: target, slices: slices, sequences: sequences, micro: micro,
        tree: SummationTree(
          microBatches: (sequences + micro - 1) / micro, groups: plan.groups, ranks: plan.batch.ranks))
    }
    var windows: [Int] = []
    var sources: [Source] = []
    for (index, (target, weight)) in plan.steeringTargets.enumerated() {
      let count = windowCount(tokens: target.steering.tokenCount, context: length)
      guard count > 0 else {
        throw Failure(
          .badData,
          "The steering part of target \(target.name) has \(target.steering.tokenCount) tokens, but one sequence takes "
            + "\(length + 1): give the target more documents, or the model a shorter context.")
      }
      windows.append(count)
      // A small steering set is used whole; reading windows twice would add nothing.
      sources.append(source(weight, target: index, [target.steering], min(most, count)))
    }
    let seed = plan.configuration.seed
    var generic: MixtureSampler?
    if settings.retention > 0 {
      sources.append(source(settings.retention, target: nil, plan.corpus.domains.map(\.train), most))
      var sampler = MixtureSampler(windowCounts: plan.windowCounts, seed: seed, stream: .retention)
      let names = plan.corpus.domains.map(\.name)
      try sampler.setWeights(plan.windowCounts.map { $0 > 0 ? 1 : 0 }) { names[$0] }
      generic = sampler
    }
    self.settings = settings
    self.length = length
    self.sources = sources
    let terms = plan.steeringTargets.map { "\($0.target.name) \($0.weight)" } + ["retention \(settings.retention)"]
    let options = [
      ("log_loss", settings.logLoss), ("preconditioned", settings.preconditioned), ("cosine", settings.cosine),
    ]
    identity = (terms + options.filter(\.1).map(\.0)).joined(separator: ", ")
    self.generic = generic
    steering = DomainSampler(windowCounts: windows, seed: seed, stream: .steering)
    tokens = sources.reduce(0) { $0 + $1.sequences } * length
    arena = Arena(count: ParameterLayout(plan.model).arenaCount)
    reader = BatchReader(length: length, capacity: plan.batch.micro)
  }

  /// The direction as one row of the layout.
  package var row: Matrix { arena.row }

  /// What the inner product with a gradient of the given norm is divided by to be a score.
  package func whole(norm: Double) -> Double { settings.cosine ? norm * self.norm : unit }

  /// Measures the direction at the present parameters.
  ///
  /// Collective: every rank calls, with the same parameters.
  ///
  /// - Parameters:
  ///   - draw: A number that no other measurement of the run has.
  ///   - gradients: Memory to work in; what it holds is overwritten.
  /// - Returns: The same memory, cleared.
  package mutating func measure(
    draw: Int, _ model: inout GPT2, parameters: borrowing Arena, optimizer: borrowing Optimizer,
    with gradients: consuming Gradients<Local>, _ reduction: inout GradientReduction, over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    var gradients = gradients
    var objective = 0.0
    for (index, source) in sources.enumerated() {
      let windows =
        if let target = source.target { steering.draw(domain: target, count: source.sequences) } else {
          generic!.draw(step: draw, count: source.sequences)
        }
      var loss = 0.0
      let averaged = try gradient(source, windows, &loss, &model, parameters, gradients, &reduction, over: world)
      objective += source.weight * (settings.logLoss ? log(loss) : loss)
      let factor = Float(settings.logLoss ? source.weight / loss : source.weight)
      for own in reduction.shards.own {
        let part = averaged.row.columns(own.lowerBound, count: own.count)
        let sum = row.columns(own.lowerBound, count: own.count)
        if factor != 1 { scale(part, by: factor) }
        if index == 0 { copy(part, to: sum) } else { add(part, to: sum) }
      }
      gradients = averaged.cleared()
    }
    self.objective = objective
    let row = row
    unit = try reduction.sum(over: world) { first, count, offset in
      let block = row.columns(first, count: count)
      return settings.preconditioned
        ? optimizer.applyPreconditioner(to: block, ownOffset: offset) : sumOfSquares(block)
    }
    norm = try reduction.sum(over: world) { first, count, _ in sumOfSquares(row.columns(first, count: count)) }
      .squareRoot()
    var gather = ParameterGather(reduction.shards)
    try gather.gather(&arena, over: world)
    return gradients
  }

  /// Computes the mean loss on some windows, and its gradient in this rank's shards.
  private mutating func gradient(
    _ source: Source, _ windows: [Window], _ loss: inout Double, _ model: inout GPT2, _ parameters: borrowing Arena,
    _ gradients: consuming Gradients<Local>, _ reduction: inout GradientReduction, over world: borrowing Communicator
  ) throws -> Gradients<Averaged> {
    var gradients = gradients
    var losses = [Double](repeating: 0, count: source.tree.microBatches)
    let scale = 1 / Float(windows.count * length)
    let groups = source.tree.groups(of: world.rank)
    for group in groups {
      for microBatch in source.tree.microBatches(of: group) {
        reader.clear()
        for window in windows.dropFirst(microBatch * source.micro).prefix(source.micro) {
          try reader.append(window.index, of: source.slices[source.target == nil ? Int(window.domain) : 0])
        }
        model.forward(reader, parameters: parameters)
        losses[microBatch] = gradients.accumulate(&model, parameters: parameters, scale: scale)
      }
      if group + 1 < groups.upperBound { gradients.closeGroup() }
    }
    let averaged = try gradients.averaged(by: &reduction, over: world)
    var span = losses.mutableSpan
    try world.allReduce(&span, .sum)
    loss = losses.reduce(0, +) / Double(windows.count * length)
    return averaged
  }

  // MARK: Checkpoints

  /// What a checkpoint keeps of a direction, besides its elements.
  struct State: Codable {
    var steering: [Int]
    var identity: String
    var generic: [Int]?
    var unit, norm: Double
    var objective: Double?
  }

  /// The state for a checkpoint.
  var state: State {
    State(
      steering: steering.cursors, identity: identity, generic: generic?.cursors, unit: unit, norm: norm,
      objective: objective)
  }

  /// Goes on from a checkpoint.
  ///
  /// - Throws: `Failure(.badData)` if the state is one of other targets or domains.
  /// - Returns: Whether the state is one of the same direction; another has no past here.
  mutating func restore(_ state: State) throws -> Bool {
    guard state.identity == identity else { return false }
    try steering.restore(cursors: state.steering)
    if let cursors = state.generic { try generic?.restore(cursors: cursors) }
    (unit, norm, objective) = (state.unit, state.norm, state.objective)
    return true
  }

  /// Writes the elements to a file.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  func write(to path: String, layout: ParameterLayout) throws { try TensorFiles.write(arena, layout: layout, to: path) }

  /// Reads the elements from a file.
  ///
  /// - Throws: `Failure(.badData)` if they are not those of a model with this layout.
  mutating func read(from path: String, layout: ParameterLayout) throws {
    try TensorFiles.read(&arena, layout: layout, from: path)
  }
}
