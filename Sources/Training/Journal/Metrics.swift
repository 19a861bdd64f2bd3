import Failures
import Foundation
import Printing

/// The records of `metrics.jsonl`, one JSON object a line, told apart by `kind`.
enum MetricRecord {
  /// One optimizer step.
  struct Step {
    let step, tokens: Int
    let loss, learning_rate, gradient_norm: Double?
    let seconds: Seconds
    let tokens_per_second, flops_share: Double

    /// Where the time of the step went; `total` includes what has no entry of its own.
    struct Seconds {
      var data = 0.0, forward = 0.0, backward = 0.0, update = 0.0, alignment = 0.0, total = 0.0
      /// For windows whose text other ranks have.
      var exchange = 0.0
      /// Until the slowest rank is through its backward pass; then, until all gradients are reduced; and for the
      /// others' parameters after the update.
      var wait = 0.0, reduce_exposed = 0.0, gather = 0.0
    }
  }

  /// What a run starts with, or goes on with on another corpus.
  struct Start: Encodable {
    let kind = "start"
    let step, tokens: Int
    /// The number of domains of the corpus.
    let domain_count: Int
    /// As in ``Mixture``.
    let weights: [String: Double]
    let branches: [String: Double]?
  }

  /// One update of the mixture.
  struct Mixture: Encodable {
    let kind = "mixture"
    let step, tokens, probe_tokens: Int
    /// Of all domains, or of many those with the largest weights and those that moved most; as in everything below.
    let weights, raw_weights: [String: Double]
    /// The weights of the branches of a tree of domains, on its lowest level that does not have too many of them.
    let branches: [String: Double]?
    /// What the method goes by: alignments with the target, or under `score` numbers of its own, such as losses in
    /// excess of a reference's.
    let alignment, score: [String: Double?]?
    /// The target's own alignment: what a score of 1 is.
    let target_alignment: Double?
    /// The share of the variance of scores that is signal, and the standard errors by which scores of successive
    /// updates agree; absent if the method does not compare them.
    let reliability, agreement: Double?
    /// Of the alignments; absent if the estimator gives none, null where nothing is known.
    let standard_error: [String: Double?]?
    /// Updates since each domain was measured last; domains measured for this update are left out, and -1 is never.
    /// Absent if the method goes by no scores.
    let age: [String: Int]?
    /// The weights of the steering targets; absent if they do not move.
    let target_weights: [String: Double]?
    /// The coefficients of the distributions that the weights are a mixture of, and how many independent sequences each
    /// one's score was measured with; absent if the method has none.
    let coefficients, effective_sample_size: [String: Double]?
    let effective_domains, distance_from_uniform, spread, overhead_share: Double
    /// The objective on steering windows, and its change since the update before: measured, and as alignments predicted
    /// it.
    let steering_objective, realised_change, predicted_change: Double?
  }

  /// What each domain got since the last record of the kind.
  struct Domains: Encodable {
    let kind = "domains"
    let step: Int
    /// Trained on so far, of all domains together; text that was passed over after going back does not count.
    let total_tokens: Int
    /// Of the training batches, in nats per token; null if the domain was not read.
    let loss: [String: Double?]
    /// Read so far.
    let tokens: [String: Int]
    /// Shares of the sequences: what the weights asked for, and what was drawn.
    let share_requested, share_achieved: [String: Double]
    /// How often the domain has been read so far.
    let epochs: [String: Double]
  }

  /// One evaluation.
  struct Evaluation: Encodable {
    let kind = "evaluation"
    /// Training tokens, and beside them the tokens read to measure domains and target, until then.
    let step, tokens, probe_tokens: Int
    let target, generic: Double
    let target_standard_error: Double?
    let domains: [String: Double]
    /// Of the target's evaluation part.
    let bits_per_byte: Double
  }

  /// Something that a person may want to know later.
  struct Event: Encodable {
    let kind = "event"
    let step: Int
    let name, message: String
  }
}

/// The append-only file `metrics.jsonl`.
///
/// Every record is one write; after a crash at most the last line is incomplete, and resuming cuts the file back to
/// where the checkpoint was written.
final class MetricsFile {
  private let path: String
  private let descriptor: Int32
  private var stepLine = StepLine()

  /// The length of the file so far.
  private var offset: Int

  /// Opens the file, keeping its first `offset` bytes, or all if somebody has cut it shorter.
  ///
  /// - Throws: `Failure(.cannotCreate)` with the system's reason.
  init(at path: String, keeping offset: Int) throws {
    self.path = path
    descriptor = open(path, O_CREAT | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0o644)
    guard descriptor >= 0 || errno != ELOOP else {
      throw Failure(.cannotCreate, "\(path) is a symbolic link, and nothing is written through it; remove the link.")
    }
    let size = lseek(descriptor, 0, SEEK_END)
    self.offset = max(0, min(offset, size))
    guard size >= 0, ftruncate(descriptor, off_t(self.offset)) == 0, lseek(descriptor, 0, SEEK_END) >= 0 else {
      throw Failure(.cannotCreate, "\(path) cannot be written: \(String(cString: strerror(errno))).")
    }
  }

  deinit { close(descriptor) }

  /// Forgets what comes after the first `offset` bytes.
  ///
  /// - Throws: `Failure(.inputOutput)` with the system's reason.
  func cut(to offset: Int) throws {
    self.offset = min(offset, self.offset)
    guard ftruncate(descriptor, off_t(self.offset)) == 0, lseek(descriptor, 0, SEEK_END) >= 0 else {
      throw Failure(.inputOutput, "\(path) cannot be cut: \(String(cString: strerror(errno))).")
    }
  }

  /// Appends one record.
  ///
  /// - Throws: `Failure(.inputOutput)` with the system's reason, such as a full disk.
  func append(_ record: some Encodable) throws {
    var line = try JSON.line.data(record)
    line.append(UInt8(ascii: "\n"))
    try line.withUnsafeBytes { try append($0) }
  }

  /// Appends the record of a step.
  ///
  /// - Throws: `Failure(.inputOutput)` with the system's reason, such as a full disk.
  func append(_ step: MetricRecord.Step) throws {
    stepLine.write(step)
    try stepLine.bytes.withUnsafeBytes { try append($0) }
  }

  private func append(_ line: UnsafeRawBufferPointer) throws {
    var written = 0
    while written < line.count {
      let count = Foundation.write(descriptor, line.baseAddress! + written, line.count - written)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        let reason = String(cString: strerror(errno))
        // Half a record would be taken for damage by readers.
        ftruncate(descriptor, off_t(offset))
        throw Failure(
          .inputOutput,
          "\(path) cannot be written: \(reason). The last checkpoint is intact; resume when there is room.")
      }
      written += count
    }
    offset += line.count
  }

  /// Brings everything to disk and returns the length, so that a checkpoint never knows of more than there is.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  func synchronize() throws -> Int {
    guard fsync(descriptor) == 0 else {
      throw Failure(.inputOutput, "\(path) cannot be brought to disk: \(String(cString: strerror(errno))).")
    }
    return offset
  }
}
