import Checkpoints
import Columns
import Corpus
import Failures
import Foundation
import Mixing
import Printing
import Steering
import Storage
import Transformer

/// Everything of a run that changes, besides the large arrays: with these it goes on to the bit.
struct RunState: Codable {
  /// Steps done.
  var step = 0
  /// Optimizer updates made; less than `step` by those that were skipped.
  var updates = 0
  /// Seconds that the run has taken so far.
  var times: Trainer.Times
  /// Windows drawn so far from each domain, to train on.
  @Column var cursors: [Int]
  /// What the orders of the domains' windows follow from, if not their indices; see ``DomainSampler/orders``.
  var orders: Column<Int>?
  /// Windows drawn from domains that have left since; absent if none has.
  var departed: Int?
  /// What was measured for the mixing method, and where its streams of text are.
  var steering: Steering.State
  /// The weights and their history; the method's own state is a file beside this.
  var mixture: Mixture.State
  /// The forecast of the target's loss, and what each domain got since the last record of it.
  var forecast: Forecast
  var ledger: DomainLedger
  /// The chained hash of all training windows so far.
  var batchesHash: Checksum.Digest
  /// The length of `metrics.jsonl` when this was written.
  var metricsOffset = 0
  /// The model's shape: layers, heads, width, context, vocabulary.
  var model: [Int]
  /// The hash of the tokenizer.
  var tokenizer: String
  /// The token that ends a document.
  var endOfDocument: Int
  /// Sequences of a micro-batch, on which the order of sums depends; none in checkpoints of an older dga.
  var micro: Int?
  /// Whether the evaluation of the step was due and given up; absent if not.
  var owesEvaluation: Bool?
  /// What the steps before were like; none in checkpoints of an older dga.
  var outliers: OutlierWatch?
  /// What a run must have in common with the one that goes on from here, by configuration key.
  var identity: [String: String]

  /// The file in a checkpoint.
  static let fileName = "state.json"

  /// Reads the state of a checkpoint and checks what can be checked without the run that it is of.
  ///
  /// - Throws: `Failure(.badData)` that names file and key if it is damaged or contradicts itself.
  static func read(from directory: String) throws -> RunState {
    // A measurement that overflowed is no reason to lose a checkpoint.
    try StateFile("state", in: directory).read(measured: ["forecast", "steering"]) { content in
      let state = try content.decode(RunState.self)
      try state.check(in: directory)
      return state
    }
  }

  /// Checks that the parts agree with each other, with the checkpoint's name and with the size of its model.
  private func check(in directory: String) throws {
    func check(_ key: String, _ isSo: Bool, _ problem: String) throws(StateFault) {
      if !isSo { throw StateFault(key, problem) }
    }
    let number = CheckpointStore.step(of: URL(fileURLWithPath: directory).lastPathComponent)
    try check("step", step >= 0 && step == number ?? step, "is \(step), but the checkpoint is named after another")
    try check("updates", (0...step).contains(updates), "is \(updates) after \(step) steps")
    try check("times", min(times.steps, times.alignment) >= 0, "is negative")
    try check("cursors", cursors.allSatisfy { $0 >= 0 }, "has a negative number")
    if let orders = orders?.wrappedValue {
      try check("orders", orders.count == cursors.count, "is not one per domain")
      try check("orders", orders.allSatisfy { (0...Int(Int32.max)).contains($0) }, "has a number that is none")
      try check("orders", Set(orders).count == orders.count, "has a number twice")
    }
    try check("departed", departed ?? 0 >= 0, "is negative")
    try check("metricsOffset", metricsOffset >= 0, "is negative")
    try check("micro", micro ?? 1 >= 1, "is less than 1")
    try mixture.check(domains: cursors.count)
    try check("ledger", ledger.isConsistent(domains: cursors.count), "is not one of \(cursors.count) domains")
    try check("model", isModelPossible(in: directory), "is no model that fits \(TensorFiles.parametersFile)")
    // Numbers of tokens are exact then, in whatever type.
    try check("cursors", drawn * Double(model[3]) <= 0x1p53, "has more tokens than a run can read")
    try check("endOfDocument", (0..<model[4]).contains(endOfDocument), "is not in the vocabulary")
  }

  /// Whether the model's shape makes sense, and its parameters are no more than there are in the file.
  private func isModelPossible(in directory: String) throws -> Bool {
    guard model.count == 5, model.allSatisfy({ $0 > 0 }), model[2] % model[1] == 0 else { return false }
    let sizes = model.map(Double.init)
    let (layers, width, context, vocabulary) = (sizes[0], sizes[2], sizes[3], sizes[4])
    let file = "\(directory)/\(TensorFiles.parametersFile)"
    let bytes = try? FileManager.default.attributesOfItem(atPath: file)[.size] as? Int
    return (12 * layers * width * width + (vocabulary + context) * width) * 4 <= Double(bytes ?? 0)
  }

  /// Writes the state into a checkpoint's directory.
  func write(to directory: String) throws {
    try StateFile("state", in: directory).write(self)
  }

  /// The model's shape as a configuration.
  var modelConfiguration: ModelConfiguration {
    ModelConfiguration(layers: model[0], heads: model[1], width: model[2], context: model[3], vocabularySize: model[4])
  }

  /// Training tokens until then.
  var tokens: Int { (cursors.reduce(0, +) + (departed ?? 0)) * model[3] }

  /// Training windows until then.
  private var drawn: Double { cursors.reduce(Double(departed ?? 0)) { $0 + Double($1) } }

  /// Checks that a plan goes on with the same run, and that the state, carried over if the corpus is another one, fits
  /// its model, batch and domains.
  ///
  /// - Throws: `Failure`: `.badConfiguration` that names the first key that differs, `.badData` for a state that was
  ///   not written by such a run.
  func check(_ plan: RunPlan, _ change: DomainChange?, of directory: String) throws {
    for (key, value) in identity.sorted(by: { $0.key < $1.key }) where key != "corpus" && plan.identity[key] != value {
      throw Failure(
        .badConfiguration,
        "\(directory) was written with \(key) = \(value), but now it is \(plan.identity[key] ?? "nothing"); restore "
          + "the key, or start another `run`.")
    }
    func check(_ key: String, _ isSo: Bool) throws {
      guard !isSo else { return }
      throw Failure(.badData, "\(directory)/\(Self.fileName): the key \(key) does not fit this run.")
    }
    try check("model", modelConfiguration == plan.model)
    try check("tokenizer", tokenizer == plan.corpus.tokenizer.hash.description)
    try check("cursors", cursors.count == plan.windowCounts.count)
    try check("mixture", mixture.weights.count == (change?.before ?? cursors.count))
    // More than the steps drew if the run went back and passed text over.
    try check("cursors", drawn >= Double(step) * Double(plan.batch.sequences))
    try check("ledger", ledger.sequencesTotal <= drawn)
  }
}
