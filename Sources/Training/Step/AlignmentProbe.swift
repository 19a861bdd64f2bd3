import Configuration
import Corpus
import Kernels
import MPI
import Transformer

/// The alignment of every domain with the target, by the estimator `gradients`: one gradient a domain, as in the paper.
///
///     a_i = < mean gradient on windows of domain i, mean gradient on the target's steering windows >
///
/// Costs one backward pass a probe sequence and k + 1 all-reductions of all parameters. The probe has gradients, cursors and
/// random streams of its own: parameters, optimizer and the order of training data are as they would be without it.
struct AlignmentProbe: ~Copyable {
  private let steering: TokenSlice
  private let domains: [TokenSlice]
  private let sequences: Int
  private let targetSequences: Int
  private var targetGradient: Arena
  private var domainGradient: Arena
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
    let count = ParameterLayout(plan.model).arenaCount
    targetGradient = Arena(count: count)
    domainGradient = Arena(count: count)
    reader = BatchReader(length: length, capacity: plan.batch.micro)
    let seed = plan.configuration.seed
    probes = DomainSampler(windowCounts: plan.windowCounts, seed: seed, stream: .probing)
    steeringProbes = DomainSampler(windowCounts: [steeringWindows], seed: seed, stream: .steering)
    tokens = (sequences * domains.count + targetSequences) * length
  }

  /// Computes the alignment of every domain at the present parameters.
  ///
  /// Collective: every rank calls, with the same parameters.
  mutating func alignments(
    _ model: inout GPT2, parameters: borrowing Arena, over world: borrowing Communicator
  ) throws -> [Double] {
    let target = steeringProbes.draw(domain: 0, count: targetSequences)
    try accumulate(target, of: steering, into: targetGradient, &reader, &model, parameters, world)
    try sum(&targetGradient, over: world)
    var result: [Double] = []
    result.reserveCapacity(domains.count)
    for domain in domains.indices {
      let windows = probes.draw(domain: domain, count: sequences)
      try accumulate(windows, of: domains[domain], into: domainGradient, &reader, &model, parameters, world)
      try sum(&domainGradient, over: world)
      result.append(dot(domainGradient.row, targetGradient.row))
    }
    return result
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

/// Adds this rank's share of the mean gradient of `windows` to a cleared arena.
private func accumulate(
  _ windows: [Window], of slice: TokenSlice, into gradients: borrowing Arena,
  _ reader: inout BatchReader, _ model: inout GPT2, _ parameters: borrowing Arena, _ world: borrowing Communicator
) throws {
  clear(gradients.row)
  let scale = 1 / Float(windows.count * model.length)
  reader.clear()
  for position in stride(from: world.rank, to: windows.count, by: world.size) {
    try reader.append(windows[position].index, of: slice)
    if reader.count == model.capacity || position + world.size >= windows.count {
      model.forward(reader, parameters: parameters)
      _ = model.backward(parameters: parameters, gradients: gradients, scale: scale)
      reader.clear()
    }
  }
}

/// Sums an arena over all ranks. Collective: every rank calls, with the same count.
private func sum(_ arena: inout Arena, over world: borrowing Communicator) throws {
  var span = arena.mutableSpan
  try world.allReduce(&span, .sum)
}
