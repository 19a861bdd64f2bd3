import Configuration
import Corpus
import Kernels
import MPI
import Transformer

/// The alignment of every domain with the target, by the estimator `gradients`: one gradient a domain, as in the paper.
///
///     a_i = < mean gradient on windows of domain i, mean gradient on the target's steering windows >
///
/// All ranks share the target's gradient, sum it like a step's and gather it. Domains are dealt to the ranks: each gradient is
/// computed whole by one of them, and what travels is one number a domain. Gradients of domains go where those of steps do,
/// between steps. The probe has cursors and random streams of its own: parameters, optimizer and the order of training data
/// are as they would be without it.
struct AlignmentProbe: ~Copyable {
  private let steering: TokenSlice
  private let domains: [TokenSlice]
  private let sequences: Int
  private let targetSequences: Int
  private var targetGradient: Arena
  /// The alignments of the last measurement, by domain.
  private(set) var alignments: [Double]
  private let tree: SummationTree
  private var reader: BatchReader
  private var probes: DomainSampler
  private var steeringProbes: DomainSampler

  /// Tokens that one probe reads, all ranks together.
  let tokens: Int

  /// Plans the probes of a run.
  ///
  /// - Throws: `Failure(.badData)` if the target's steering part has no whole window.
  init(_ plan: RunPlan) throws {
    let settings = plan.configuration.mixture.alignment
    let length = plan.model.context
    let steeringWindows = windowCount(tokens: plan.target.steering.tokenCount, context: length)
    guard steeringWindows > 0 else {
      throw Failure(
        .badData,
        "The steering part of target \(plan.target.name) has \(plan.target.steering.tokenCount) tokens, but one sequence takes "
          + "\(length + 1): give the target more documents, or the model a shorter context.")
    }
    steering = plan.target.steering
    domains = plan.corpus.domains.map(\.train)
    sequences = settings.probeSequences
    // A small steering set is used whole; reading windows twice would add nothing.
    targetSequences = min(settings.targetSequences, steeringWindows)
    let microBatches = (targetSequences + plan.batch.micro - 1) / plan.batch.micro
    tree = SummationTree(microBatches: microBatches, groups: plan.groups, ranks: plan.batch.ranks)
    targetGradient = Arena(count: ParameterLayout(plan.model).arenaCount)
    alignments = [Double](repeating: 0, count: domains.count)
    reader = BatchReader(length: length, capacity: plan.batch.micro)
    let seed = plan.configuration.seed
    probes = DomainSampler(windowCounts: plan.windowCounts, seed: seed, stream: .probing)
    steeringProbes = DomainSampler(windowCounts: [steeringWindows], seed: seed, stream: .steering)
    tokens = (sequences * domains.count + targetSequences) * length
  }

  /// Measures the alignment of every domain at the present parameters into ``alignments``.
  ///
  /// Collective: every rank calls, with the same parameters.
  ///
  /// - Parameter gradients: Memory to work in; what it holds is overwritten.
  /// - Returns: The same memory, cleared.
  mutating func measure(
    _ model: inout GPT2, parameters: borrowing Arena, with gradients: consuming Gradients<Local>,
    _ reduction: inout GradientReduction, over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    var gradients = gradients
    let target = steeringProbes.draw(domain: 0, count: targetSequences)
    let scale = 1 / Float(target.count * model.length)
    let groups = tree.groups(of: world.rank)
    for group in groups {
      for microBatch in tree.microBatches(of: group) {
        let windows = microBatch * model.capacity..<min((microBatch + 1) * model.capacity, target.count)
        try read(target[windows], of: steering)
        model.forward(reader, parameters: parameters)
        _ = gradients.accumulate(&model, parameters: parameters, scale: scale)
      }
      if group != groups.last { gradients.closeGroup() }
    }
    let averaged = try gradients.averaged(by: &reduction, over: world)
    for own in reduction.shards.own {
      copy(
        averaged.row.columns(own.lowerBound, count: own.count),
        to: targetGradient.row.columns(own.lowerBound, count: own.count))
    }
    try reduction.shards.gather(&targetGradient, over: world)
    gradients = averaged.cleared()

    for domain in domains.indices {
      // All ranks draw, so that cursors stay the same.
      let windows = probes.draw(domain: domain, count: sequences)
      let isOwn = domain % world.size == world.rank
      alignments[domain] = isOwn ? try alignment(windows[...], of: domains[domain], &model, parameters, gradients) : 0
    }
    var span = alignments.mutableSpan
    try world.allReduce(&span, .sum)
    return gradients
  }

  /// Computes the inner product of the mean gradient of `windows`, written over `gradients`, with the target's.
  private mutating func alignment(
    _ windows: ArraySlice<Window>, of slice: TokenSlice, _ model: inout GPT2, _ parameters: borrowing Arena,
    _ gradients: borrowing Gradients<Local>
  ) throws -> Double {
    let scale = 1 / Float(windows.count * model.length)
    for first in stride(from: 0, to: windows.count, by: model.capacity) {
      try read(windows.dropFirst(first).prefix(model.capacity), of: slice)
      model.forward(reader, parameters: parameters)
      _ = model.backward(
        parameters: parameters, gradients: gradients.row, adding: first > 0, scale: scale
      ) { _ in }
    }
    return dot(gradients.row, targetGradient.row)
  }

  private mutating func read(_ windows: ArraySlice<Window>, of slice: TokenSlice) throws {
    reader.clear()
    for window in windows { try reader.append(window.index, of: slice) }
  }

  /// Windows drawn so far from each domain, and last from the target: the state for a checkpoint.
  var cursors: [Int] { probes.cursors + steeringProbes.cursors }

  /// Goes on from a checkpoint.
  ///
  /// - Throws: `Failure(.badData)` if there is not one cursor a domain and one for the target.
  mutating func restore(cursors: [Int]) throws {
    try probes.restore(cursors: Array(cursors.dropLast()))
    try steeringProbes.restore(cursors: Array(cursors.suffix(1)))
  }
}
