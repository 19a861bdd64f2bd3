import Corpus
import Failures
import Foundation
import Kernels
import MPI
import Mixing
import Printing
import Runs
import Settings
import Training
import Transformer

/// What some steps of the trainer took.
struct StepFigures {
  /// Of the whole step, all ranks together.
  let tokensPerStep: Int
  /// Sequences in a micro-batch, as the trainer chose.
  let microSequences: Int
  /// Seconds of the first step, which touches all memory for the first time.
  let first: Double
  /// Seconds of the steps after it.
  let steady: [Double]
  /// OpenBLAS's matrix product after each step, all ranks at once: GFLOP/s of one rank.
  let products: [Rate]
  /// Seconds of every step that went into alignment.
  let alignment: [Double]
  /// Mean seconds of a steady step by part, as `metrics.jsonl` names them; the total is left out.
  let parts: [String: Double]
  /// The loss of the first and of the last step.
  let losses: (first: Double, last: Double)
  /// The most memory that any rank had at once to the end of the first step; later ones allocate nothing, and the
  /// product between them is not the trainer's.
  let peakBytes: Int

  /// Tokens per second over the steady steps.
  var tokensPerSecond: Double { Double(tokensPerStep * steady.count) / steady.reduce(0, +) }

  /// The rate of the matrix product around the steady steps, GFLOP/s of one rank: the mean of its medians before and
  /// after each step, weighted with the step's seconds.
  ///
  /// Where other programs come and go, what they leave to the product and to a step differs less within seconds than
  /// within a run.
  var productAround: Double {
    let amounts = zip(steady, zip(products, products.dropFirst())).map { $0 * ($1.0.median + $1.1.median) / 2 }
    return amounts.reduce(0, +) / steady.reduce(0, +)
  }
}

/// Runs the trainer as `dga train` does, with everything, on a random corpus in a temporary directory.
struct StepBenchmark {
  let shape: BenchmarkShape
  /// Sequences of each rank.
  let sequences: Int
  let steps: Int
  let threads: Int
  /// Where to make the temporary directory; nil for the system's place.
  let directory: String?

  /// The number of domains.
  var domains = 4
  /// Which domains are read, and what moves that.
  var mixture = MixtureSettings()

  /// Trains and removes everything again. Collective: every rank calls.
  ///
  /// - Throws: `Failure`, agreed.
  func run(over world: borrowing Communicator) throws -> StepFigures {
    let node = try world.splitByNode()
    // Nodes need not share the place, so the first rank of each makes the same corpus, under a name of its own.
    let isFirstOfNode = node.rank == 0
    let name = String(decoding: try world.broadcast(Array(UUID().uuidString.utf8), root: 0), as: UTF8.self)
    let first = try node.broadcast(world.rank, root: 0)
    let parent = directory ?? FileManager.default.temporaryDirectory.path
    let path = parent + "/dga-benchmark-\(name)-\(first)"
    let ranks = world.size
    defer {
      if isFirstOfNode { try? FileManager.default.removeItem(atPath: path) }
    }
    try world.agree {
      if isFirstOfNode { try writeCorpus(to: path + "/corpus", ranks: ranks) }
    }
    Machine.resetPeakMemory()
    let plan = try world.agree { try RunPlan(description(in: path, ranks: ranks), ranks: ranks) }
    try plan.checkMemory(over: world)
    var trainer = try world.agree { try Trainer(plan, rank: world.rank) }
    let ceiling = ProductCeiling(seconds: 0.1)
    var products: [Rate] = []
    var ownPeak = 0
    _ = try trainer.run(resume: false, over: world) { world in
      if products.isEmpty { ownPeak = Machine.peakMemory }
      products.append(try ceiling.together(over: world))
    }
    let peak = try world.allReduce(ownPeak, .max)
    let metrics = try world.agree {
      world.rank == 0 ? Array(try Data(contentsOf: URL(fileURLWithPath: path + "/run/metrics.jsonl"))) : []
    }
    return try figures(world.broadcast(metrics, root: 0), plan, products, peakBytes: peak)
  }

  private func writeCorpus(to path: String, ranks: Int) throws {
    let (model, length) = (shape.model, shape.model.context)
    // Twice what the steps read on average, so that no domain is read again.
    let trainTokens = 2 * steps * sequences * ranks * length / domains + 2 * (length + 1)
    try RandomCorpus(
      vocabularySize: model.vocabularySize, domains: (0..<domains).map { "domain-\($0)" }, targets: ["target"],
      // Many domains would take longer to evaluate than to train on.
      trainTokens: trainTokens, validationTokens: domains > 4 ? 2 : 2 * (length + 1), otherTokens: 64 * (length + 1)
    ).write(to: path)
  }

  private func description(in path: String, ranks: Int) -> RunDescription {
    let model = shape.model
    var run = RunDescription(run: path + "/run", corpus: path + "/corpus", target: "target")
    run.model = ModelSettings(layers: model.layers, heads: model.heads, width: model.width, context: model.context)
    run.batch.sequences = sequences * ranks
    run.duration = Quantity(Double(steps), .steps)
    run.optimizer.learningRate = 6e-4
    run.optimizer.schedule = .constant
    run.optimizer.warmup = Quantity(2, .steps)
    run.mixture = mixture
    run.evaluation.sequences = 1
    run.threads = threads
    return run
  }

  /// A line of `metrics.jsonl` about a step.
  private struct Line: Decodable {
    let loss: Double?
    let seconds: [String: Double]?
  }

  private func figures(
    _ metrics: [UInt8], _ plan: RunPlan, _ products: [Rate], peakBytes: Int
  ) throws -> StepFigures {
    struct Kind: Decodable { let kind: String }
    let lines = try metrics.split(separator: UInt8(ascii: "\n")).map { Data($0) }
      .filter { try JSON.line.decode(Kind.self, from: $0).kind == "step" }
      .map { try JSON.line.decode(Line.self, from: $0) }
    let seconds = lines.compactMap(\.seconds)
    let totals = seconds.compactMap { $0["total"] }
    guard totals.count == steps, steps >= 2 else {
      throw Failure(.internalError, "The metrics of \(steps) steps have \(totals.count) times.")
    }
    var parts: [String: Double] = [:]
    for step in seconds.dropFirst() {
      for (part, value) in step where part != "total" { parts[part, default: 0] += value / Double(steps - 1) }
    }
    return StepFigures(
      tokensPerStep: plan.tokensPerStep, microSequences: plan.batch.micro, first: totals[0],
      steady: Array(totals.dropFirst()), products: products,
      alignment: seconds.map { $0["alignment"] ?? 0 }, parts: parts,
      losses: (lines.first?.loss ?? .nan, lines.last?.loss ?? .nan), peakBytes: peakBytes)
  }
}
