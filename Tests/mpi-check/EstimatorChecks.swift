import Corpus
import Foundation
import Kernels
import MPI
import Parallel
import Runs
import Settings
import Steering
import Training
import Transformer

/// All estimators of scores on the same windows, for an odd and an ordinary shape, along a raw and a preconditioned
/// direction, and along several at once; those of whole gradients against each other, `last-layer` against gradients of
/// the output layer that every rank forms by itself.
func checkEstimators(_ world: borrowing Communicator) throws {
  let path = NSTemporaryDirectory() + "dga-estimators-\(try world.broadcast(Int64(getpid()), root: 0))"
  let (isRoot, ranks) = (world.rank == 0, world.size)
  defer { if isRoot { try? FileManager.default.removeItem(atPath: path) } }
  for (vocabulary, model) in [
    (37, ModelSettings(layers: 2, heads: 3, width: 21, context: 17)),
    (512, ModelSettings(layers: 3, heads: 4, width: 64, context: 48)),
  ] {
    try world.agree {
      guard isRoot else { return }
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      try RandomCorpus(
        vocabularySize: vocabulary, domains: ["a", "b", "c", "d", "e"], targets: ["t", "u"], trainTokens: 400,
        otherTokens: 300
      ).write(to: path + "/corpus")
    }
    for kind in DirectionKind.allCases {
      var description = description(path, model, kind)
      try checkEstimators(world.agree { try RunPlan(description, ranks: ranks) }, over: world)
      description.mixture.steering.estimator = .lastLayer
      try checkLastLayer(world.agree { try RunPlan(description, ranks: ranks) }, over: world)
    }
    if isRoot { try FileManager.default.removeItem(atPath: path) }
    try world.barrier()
  }
}

/// What sequences are scored along.
private enum DirectionKind: CaseIterable {
  case raw, preconditioned, several
}

private func description(_ path: String, _ model: ModelSettings, _ kind: DirectionKind) -> RunDescription {
  var run = RunDescription(run: path + "/run", corpus: path + "/corpus", target: "t")
  run.model = model
  run.batch.sequences = 24
  run.batch.micro = 2
  run.mixture.steering.targetSequences = 5
  run.mixture.steering.direction.preconditioned = kind == .preconditioned
  if kind == .several {
    run.mixture.steering.direction.adaptive = true
    run.mixture.steering.direction.targets = [Share("t", 1), Share("u", 1)]
  }
  return run
}

private let perDomain = 3
private let windows = (0..<5).flatMap { domain in
  (0..<perDomain).map { Window(domain: Int32(domain), index: 2 * $0 + 1) }
}

/// What is promised is 1e-4 of the product of norms. Float gradients of these models are right to about 1e-6 of theirs.
private let tolerance = 1e-5

/// The parameters of a run after one update, for second moments to precondition with.
private func updatedParameters(
  _ plan: RunPlan, on replica: inout Replica, over world: borrowing Communicator
) throws -> Parameters<Whole> {
  let layout = replica.model.layout
  let parameters = Parameters<Whole>(replica.optimizer.shards)
  parameters.initialize(layout, seed: 7)
  var gradients = Gradients<Local>(layout: layout, levels: plan.tree.levels)
  var batch = plan.trainingBatch
  batch.windows = (0..<24).map { Window(domain: Int32($0 % 5), index: 0) }
  var record = PassRecord(batch, length: plan.model.context)
  try replica.run(batch, &gradients, parameters, recording: &record, over: world)
  return try replica.optimizer.update(
    parameters, with: gradients.averaged(by: &replica.reduction, over: world), learningRate: 1e-3, gradientScale: 1,
    over: world
  ).whole(over: world)
}

private func checkLastLayer(_ plan: RunPlan, over world: borrowing Communicator) throws {
  var replica = plan.replica(rank: world.rank)
  let layout = replica.model.layout
  let parameters = try updatedParameters(plan, on: &replica, over: world)
  var direction = try TargetDirection(plan.steering)
  let gradients = try direction.measure(
    draw: 0, on: &replica, parameters, with: Gradients<Local>(layout: layout, levels: plan.tree.levels), over: world)
  let source = WindowSource.mapped(TokenSlices(trainOf: plan.corpus.domains))
  var sample = Sample(windows, from: source)
  var meter = SteeringSettings.Estimator.lastLayer.meter(plan.steering)
  _ = try meter.measure(&sample, along: direction.rows, on: &replica, parameters, with: gradients, over: world)
  let gradient = Arena(count: layout.arenaCount)
  for place in windows.indices {
    try replica.gradient(
      of: windows[place...place], from: source, parameters, to: gradient.row, adding: false, depth: .outputLayer)
    for (index, figure) in direction.figures.enumerated() {
      let expected = dot(gradient.row, direction.rows.rows(index, count: 1))
      let size = sumOfSquares(gradient.row).squareRoot() * figure.norm
      let error = abs(sample.scores[index][place] - expected) / size
      try expect(error < tolerance, equals: true, "last-layer of window \(place), off by \(error),")
    }
  }
}

private func checkEstimators(_ plan: RunPlan, over world: borrowing Communicator) throws {
  var replica = plan.replica(rank: world.rank)
  let layout = replica.model.layout
  let parameters = try updatedParameters(plan, on: &replica, over: world)
  var direction = try TargetDirection(plan.steering)
  var gradients = try direction.measure(
    draw: 0, on: &replica, parameters, with: Gradients<Local>(layout: layout, levels: plan.tree.levels), over: world)

  func sample() -> Sample { Sample(windows, from: .mapped(TokenSlices(trainOf: plan.corpus.domains))) }
  func measured(
    _ sample: Sample, _ estimator: SteeringSettings.Estimator, _ gradients: consuming Gradients<Local>
  ) throws -> Sample {
    var (sample, meter) = (sample, estimator.meter(plan.steering))
    _ = try meter.measure(&sample, along: direction.rows, on: &replica, parameters, with: gradients, over: world)
    return sample
  }
  func memory() -> Gradients<Local> { Gradients<Local>(layout: layout, levels: plan.tree.levels) }
  // A range of one window gives explicit gradients of single sequences.
  let single = try measured(
    Sample(
      windows, from: .mapped(TokenSlices(trainOf: plan.corpus.domains)),
      ranges: windows.indices.map { $0..<$0 + 1 }),
    .gradients, memory())
  let mean = try measured(sample(), .gradients, memory())
  let dots = try measured(sample(), .dots, memory())
  let ghost = try measured(sample(), .ghost, memory())
  try expect(
    zip(dots.norms, mean.norms).allSatisfy { abs($0 - $1) < 1e-5 * $1 }, equals: true, "norms of mean gradients")
  // The batch is the windows, and more of them: 24 in all.
  var batch = plan.trainingBatch
  batch.windows = (0..<24).map { windows[$0 % windows.count] }
  var record = PassRecord(batch, length: plan.model.context, directions: plan.steering.directionCount)
  try replica.run(batch, &gradients, parameters, along: direction.rows, recording: &record, over: world)
  try record.sumScores(over: world)
  _ = try gradients.averaged(by: &replica.reduction, over: world)

  for index in direction.figures.indices {
    let found = [
      ("dots", dots.scores[index]), ("ghost", ghost.scores[index]), ("inline", Array(record.scores(along: index))),
    ]
    for (name, scores) in found {
      try check(scores, name, against: single, mean, along: index, size: direction.figures[index].norm)
    }
  }
}

/// Compares scores of windows with explicit gradients of single windows, and their means with those of domains.
private func check(
  _ scores: [Double], _ name: String, against single: Sample, _ mean: Sample, along index: Int, size: Double
) throws {
  for place in single.windows.indices {
    let error = abs(scores[place] - single.scores[index][place]) / (single.norms[place] * size)
    try expect(error < tolerance, equals: true, "\(name) of window \(place), off by \(error),")
  }
  for domain in 0..<5 {
    let own = domain * perDomain..<(domain + 1) * perDomain
    let average = scores[own].reduce(0, +) / Double(perDomain)
    let error = abs(average - mean.scores[index][own.lowerBound]) / (mean.norms[domain] * size)
    try expect(error < tolerance, equals: true, "\(name) of domain \(domain), off by \(error),")
  }
}
