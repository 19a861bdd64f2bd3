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
  var cursors: [Int]
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

  /// Reads the state of a checkpoint.
  ///
  /// - Throws: `Failure(.badData)` if it is damaged.
  static func read(from directory: String) throws -> RunState {
    do {
      return try JSON.state.decode(
        RunState.self, from: Data(contentsOf: URL(fileURLWithPath: directory + "/state.json")))
    } catch {
      throw Failure(.badData, "\(directory)/state.json cannot be read: \(error)")
    }
  }

  /// Writes the state into a checkpoint's directory.
  func write(to directory: String) throws {
    // A measurement that overflowed is no reason to lose a checkpoint.
    try JSON.state.data(self).write(to: URL(fileURLWithPath: directory + "/state.json"))
  }

  /// The model's shape as a configuration.
  ///
  /// - Throws: `Failure(.badData)` if it makes no sense.
  func modelConfiguration(of directory: String) throws -> ModelConfiguration {
    guard model.count == 5, model.allSatisfy({ $0 > 0 }), model[2] % model[1] == 0 else {
      throw Failure(.badData, "\(directory)/state.json has the impossible model \(model).")
    }
    return ModelConfiguration(
      layers: model[0], heads: model[1], width: model[2], context: model[3], vocabularySize: model[4])
  }

  /// Checks that a configuration goes on with the same run.
  ///
  /// - Throws: `Failure(.badConfiguration)` that names the first key that differs.
  func check(_ identity: [String: String], of directory: String) throws {
    for (key, value) in self.identity.sorted(by: { $0.key < $1.key }) where identity[key] != value {
      throw Failure(
        .badConfiguration,
        "\(directory) was written with \(key) = \(value), but now it is \(identity[key] ?? "nothing"); "
          + (key == "corpus"
            ? "build the corpus again from the same texts, recipe and tokenizer, or start another `run`."
            : "restore the key, or start another `run`."))
    }
  }
}
