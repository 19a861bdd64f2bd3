import Corpus
import Foundation
import Kernels
import MPI
import Training
import Transformer

/// All estimators of alignments on the same windows, for an odd and an ordinary shape, along a raw and a preconditioned direction.
func checkEstimators(_ world: borrowing Communicator) throws {
  let path = NSTemporaryDirectory() + "dga-estimators-\(try world.broadcast(Int64(getpid()), root: 0))"
  let isRoot = world.rank == 0
  defer { if isRoot { try? FileManager.default.removeItem(atPath: path) } }
  for (vocabulary, sizes) in [
    (37, "layers: 2, heads: 3, width: 21, context: 17"), (512, "layers: 3, heads: 4, width: 64, context: 48"),
  ] {
    try world.agree {
      if isRoot { try prepare(path, vocabulary: vocabulary, sizes: sizes) }
    }
    for isPreconditioned in [false, true] {
      let override = ["mixture.direction.preconditioned=\(isPreconditioned)"]
      let ranks = world.size
      let plan = try world.agree {
        try RunPlan(RunConfiguration(contentsOf: path + "/run.yaml", overrides: override), ranks: ranks)
      }
      try checkEstimators(plan, over: world)
    }
    if isRoot { try FileManager.default.removeItem(atPath: path) }
    try world.barrier()
  }
}

private func prepare(_ path: String, vocabulary: Int, sizes: String) throws {
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  try RandomCorpus(
    vocabularySize: vocabulary, domains: ["a", "b", "c", "d", "e"], targets: ["t"], trainTokens: 400, otherTokens: 300
  ).write(to: path + "/corpus")
  try Data(
    """
    run: \(path)/run
    corpus: \(path)/corpus
    target: t
    model: {\(sizes)}
    batch: {sequences: 24, micro: 2}
    mixture: {probe: {target_sequences: 5}}
    """.utf8
  ).write(to: URL(fileURLWithPath: path + "/run.yaml"))
}

private let perDomain = 3

/// What is promised is 1e-4 of the product of norms. Float gradients of these models are right to about 1e-6 of theirs.
private let tolerance = 1e-5

private func checkEstimators(_ plan: RunPlan, over world: borrowing Communicator) throws {
  var model = GPT2(plan.model, sequences: plan.batch.micro, length: plan.model.context)
  let parameters = Arena(count: model.layout.arenaCount)
  model.layout.initialize(parameters, seed: 7)
  let shards = plan.shards(rank: world.rank)
  var reduction = GradientReduction(shards)
  var optimizer = Optimizer(layout: model.layout, shards: shards, betas: (0.9, 0.95), epsilon: 1e-8, weightDecay: 0)
  var gradients = Gradients<Local>(layout: model.layout, levels: plan.tree.levels)
  var direction = try TargetDirection(plan)
  // One update first, for second moments to precondition with.
  let tokens = try plan.corpus.domains[0].train.tokens(0..<plan.model.context + 1)
  model.forward(tokens.span, parameters: parameters)
  _ = gradients.accumulate(&model, parameters: parameters, scale: 0.1)
  for _ in 0..<((1 << (plan.tree.levels - 1)) - 1) { gradients.closeGroup() }
  let averaged = try gradients.averaged(by: &reduction, over: world)
  optimizer.update(parameters, with: averaged, learningRate: 1e-3, gradientScale: 1)
  var moved = parameters.copied()
  var gather = ParameterGather(shards)
  try gather.gather(&moved, over: world)
  gradients = try direction.measure(
    draw: 0, &model, parameters: moved, optimizer: optimizer, with: averaged.cleared(), &reduction, over: world)

  let windows = (0..<5).flatMap { domain in (0..<perDomain).map { Window(domain: Int32(domain), index: 2 * $0 + 1) } }
  var probe = ProbeScores(plan)
  var (single, norms, mean, meanNorms): ([Double], [Double], [Double], [Double]) = ([], [], [], [])
  var (dots, ghost, unused): ([Double], [Double], [Double]) = ([], [], [])
  // A "domain" of one window gives explicit gradients of single sequences.
  gradients = try probe.measure(
    .gradients, windows, perDomain: 1, along: direction.row, into: &single, norms: &norms, &model, parameters: moved,
    with: gradients, &reduction, over: world)
  gradients = try probe.measure(
    .gradients, windows, perDomain: perDomain, along: direction.row, into: &mean, norms: &meanNorms, &model,
    parameters: moved, with: gradients, &reduction, over: world)
  gradients = try probe.measure(
    .dots, windows, perDomain: perDomain, along: direction.row, into: &dots, norms: &unused, &model, parameters: moved,
    with: gradients, &reduction, over: world)
  try expect(zip(unused, meanNorms).allSatisfy { abs($0 - $1) < 1e-5 * $1 }, equals: true, "norms of mean gradients")
  gradients = try probe.measure(
    .ghost, windows, perDomain: perDomain, along: direction.row, into: &ghost, norms: &unused, &model,
    parameters: moved, with: gradients, &reduction, over: world)
  let inline = try inlineScores(windows, plan, &model, moved, &gradients, along: direction.row, over: world)
  let size = direction.norm
  for place in windows.indices {
    for (name, score) in [("dots", dots[place]), ("ghost", ghost[place]), ("inline", inline[place])] {
      let error = abs(score - single[place]) / (norms[place] * size)
      try expect(error < tolerance, equals: true, "\(name) of window \(place), off by \(error),")
    }
  }
  for domain in 0..<5 {
    let own = domain * perDomain..<(domain + 1) * perDomain
    for (name, scores) in [("single", single), ("dots", dots), ("ghost", ghost), ("inline", inline)] {
      let average = scores[own].reduce(0, +) / Double(perDomain)
      let error = abs(average - mean[own.lowerBound]) / (meanNorms[domain] * size)
      try expect(error < tolerance, equals: true, "\(name) of domain \(domain), off by \(error),")
    }
  }
}

/// Scores windows as a training step does, while their gradients are added up.
private func inlineScores(
  _ windows: [Window], _ plan: RunPlan, _ model: inout GPT2, _ parameters: borrowing Arena,
  _ gradients: inout Gradients<Local>, along direction: Matrix, over world: borrowing Communicator
) throws -> [Double] {
  var scores = [Double](repeating: 0, count: windows.count)
  let scale: Float = 0.01
  let length = plan.model.context
  for first in stride(from: world.rank * model.capacity, to: windows.count, by: world.size * model.capacity) {
    let part = windows[first..<min(first + model.capacity, windows.count)]
    let tokens = try part.flatMap {
      try plan.corpus.domains[Int($0.domain)].train.tokens($0.index * length..<($0.index + 1) * length + 1)
    }
    model.forward(tokens.span, parameters: parameters)
    _ = gradients.accumulate(&model, parameters: parameters, scale: scale, along: direction)
    for place in part.indices {
      scores[place] = model.score(ofSequence: place - first) / (Double(scale) * Double(length))
    }
  }
  var span = scores.mutableSpan
  try world.allReduce(&span, .sum)
  return scores
}

extension Arena {
  fileprivate func copied() -> Arena {
    let other = Arena(count: count)
    copy(row, to: other.row)
    return other
  }
}
