import Corpus
import Foundation
import Kernels
import MPI
import Mixing
import Parallel
import Runs
import Settings
import Steering
import Testing
import Training

/// The middle of the program in this process: a tiny model, a corpus in memory, a world of one rank.
///
/// One test at a time: the others wait for the cores.
@Suite(.serialized) struct MiddleTests {}

/// A run on random text, worked out, with what its step needs.
struct Bench: ~Copyable {
  let world: Communicator
  let plan: RunPlan
  var replica: Replica
  var parameters: Parameters<Whole>

  static let domains = ["a", "b", "c"]

  /// The description of a run on the corpus of benches; the corpus is in memory, so its path leads nowhere.
  static func description() -> RunDescription {
    var run = RunDescription(run: "nowhere", corpus: "nowhere", target: "t")
    run.model = ModelSettings(layers: 1, heads: 2, width: 16, context: 12)
    run.batch.sequences = 8
    run.batch.micro = 2
    run.duration = Quantity(12, .steps)
    run.optimizer.schedule = .constant
    run.optimizer.learningRate = 1e-2
    run.optimizer.warmup = Quantity(1, .steps)
    run.mixture.every = Quantity(4, .steps)
    run.mixture.steering.targetSequences = 4
    run.mixture.steering.sequences = 2
    run.evaluation.sequences = 3
    return run
  }

  static func corpus() throws -> Corpus {
    try RandomCorpus(
      vocabularySize: 31, domains: domains, targets: ["t", "u"], trainTokens: 600, otherTokens: 200
    ).inMemory()
  }

  static func plan(_ change: (inout RunDescription) -> Void = { _ in }) throws -> RunPlan {
    var run = description()
    change(&run)
    return try RunPlan(run, corpus: corpus(), ranks: 1)
  }

  init(_ change: (inout RunDescription) -> Void = { _ in }) throws {
    let plan = try Self.plan(change)
    let world = Communicator.alone()
    self.plan = plan
    self.world = world
    replica = plan.replica(rank: 0)
    parameters = Parameters<Whole>(replica.optimizer.shards)
    parameters.initialize(replica.model.layout, seed: 5)
  }

  /// Memory for gradients.
  var gradients: Gradients<Local> { Gradients<Local>(layout: replica.model.layout, levels: plan.tree.levels) }

  /// The batch of the run, with windows in turn from all domains.
  var batch: Batch {
    var batch = plan.trainingBatch
    for slot in batch.windows.indices { batch.windows[slot] = Window(domain: Int32(slot % 3), index: slot) }
    return batch
  }

  /// Memory for what a pass tells.
  func record(directions: Int = 1) -> PassRecord {
    PassRecord(batch, length: plan.model.context, directions: directions)
  }

  /// The gradient of a batch, as an array.
  mutating func gradient(of batch: Batch) throws -> [Float] {
    var memory = gradients
    var record = record()
    try replica.run(batch, &memory, parameters, recording: &record, over: world)
    let averaged = try memory.averaged(by: &replica.reduction, over: world)
    return values(averaged.row)
  }
}

/// Runs a bench's description in a directory, from its first step or its checkpoint to the end.
func train(
  _ directory: TemporaryDirectory, _ run: String, resume: Bool = false,
  _ change: (inout RunDescription) -> Void = { _ in }
) throws -> RunOutcome {
  let plan = try Bench.plan {
    $0.run = "\(directory.path)/\(run)"
    change(&$0)
  }
  var trainer = try Trainer(plan, rank: 0)
  return try trainer.run(resume: resume, over: Communicator.alone())
}

/// The elements of a row.
func values(_ row: Matrix) -> [Float] { (0..<row.columns).map { row[0, $0] } }

/// The largest difference of two rows as a share of the norm of the first.
func difference(_ one: [Float], _ other: [Float]) -> Double {
  let norm = one.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
  return zip(one, other).reduce(0) { max($0, abs(Double($1.0) - Double($1.1))) } / norm
}

/// A directory for one test, in memory where that exists; gone with its owner.
final class TemporaryDirectory {
  let path: String

  init() throws {
    let parent = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm/" : NSTemporaryDirectory()
    path = parent + "dga-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
