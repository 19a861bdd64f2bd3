import Configuration
import Corpus
import Foundation
import Kernels
import MPI
import Transformer

/// The mean loss of one part of the corpus.
public struct PartLoss: Equatable, Sendable, Encodable {
  /// Nats a token.
  public let nats: Double
  /// The standard error of that mean over windows; nil for fewer than two.
  public let standardError: Double?
  /// The same loss in bits a byte of text.
  public let bitsPerByte: Double

  /// Makes the mean of `count` windows from the sums of their mean losses and of the squares of these.
  init(count: Int, sum: Double, squares: Double, of slice: TokenSlice) {
    let count = Double(count)
    nats = sum / count
    let variance = max(0, squares / count - nats * nats) * count / (count - 1)
    standardError = count > 1 ? (variance / count).squareRoot() : nil
    bitsPerByte = nats / log(2) * Double(slice.tokenCount) / Double(max(slice.byteCount, 1))
  }

  /// Makes the mean of windows from their mean losses.
  init(windowLosses losses: [Double], of slice: TokenSlice) {
    self.init(
      count: losses.count, sum: losses.reduce(0, +), squares: losses.reduce(0) { $0 + $1 * $1 }, of: slice)
  }
}

/// The losses of one evaluation.
public struct EvaluationResult: Sendable {
  /// The target's evaluation part.
  public let target: PartLoss
  /// The mean over domains, each counted alike.
  public let generic: Double
  /// Every domain's validation part, by name.
  public let domains: [(name: String, loss: PartLoss)]
}

/// The evaluation of a model on held-out text: a fixed set of windows of the target and of every domain.
struct Evaluation {
  private struct Part {
    let name: String
    let slice: TokenSlice
    let windows: Int
  }

  /// The target first, then the domains.
  private let parts: [Part]
  /// Every window to evaluate, part by part.
  private let windows: [(part: Int, index: Int)]
  private let length: Int
  private var reader: BatchReader

  /// Chooses the first `sequences` windows of each part; documents are stored in random order, so these are a fair sample.
  ///
  /// - Throws: `Failure(.badData)` if the target's evaluation part has no whole window.
  init(corpus: Corpus, target: Target, length: Int, sequences: Int, capacity: Int) throws {
    self.length = length
    reader = BatchReader(length: length, capacity: capacity)
    func part(_ name: String, _ slice: TokenSlice) -> Part {
      Part(name: name, slice: slice, windows: min(sequences, windowCount(tokens: slice.tokenCount, context: length)))
    }
    let targetPart = part(target.name, target.evaluation)
    guard targetPart.windows > 0 else {
      throw Failure(
        .badData,
        "The evaluation part of target \(target.name) has \(target.evaluation.tokenCount) tokens, but one sequence takes "
          + "\(length + 1): give the target more documents, or the model a shorter context.")
    }
    let parts = [targetPart] + corpus.domains.map { part($0.name, $0.validation) }.filter { $0.windows > 0 }
    self.parts = parts
    windows = parts.indices.flatMap { part in (0..<parts[part].windows).map { (part, $0) } }
  }

  /// The names of domains whose validation part is too short to evaluate on.
  func skipped(of corpus: Corpus) -> [String] {
    let names = Set(parts.dropFirst().map(\.name))
    return corpus.domains.map(\.name).filter { !names.contains($0) }
  }

  /// Evaluates; micro-batches are shared by the ranks in turn.
  ///
  /// Collective: every rank calls, with the same parameters.
  mutating func run(
    _ model: inout GPT2, parameters: borrowing Arena, over world: borrowing Communicator
  ) throws -> EvaluationResult {
    // Sums of window losses and of their squares.
    var sums = [Double](repeating: 0, count: 2 * parts.count)
    let batches = (windows.count + model.capacity - 1) / model.capacity
    for batch in stride(from: world.rank, to: batches, by: world.size) {
      let range = (batch * model.capacity)..<min(windows.count, (batch + 1) * model.capacity)
      reader.clear()
      for (part, index) in windows[range] { try reader.append(index, of: parts[part].slice) }
      model.evaluate(reader, parameters: parameters)
      for (row, window) in windows[range].enumerated() {
        let mean = sum(model.losses.rows(row, count: 1)) / Double(length)
        sums[2 * window.part] += mean
        sums[2 * window.part + 1] += mean * mean
      }
    }
    var span = sums.mutableSpan
    try world.allReduce(&span, .sum)
    let losses = parts.enumerated().map { index, part in
      PartLoss(count: part.windows, sum: sums[2 * index], squares: sums[2 * index + 1], of: part.slice)
    }
    let domains = zip(parts, losses).dropFirst().map { ($0.name, $1) }
    return EvaluationResult(
      target: losses[0], generic: domains.reduce(0) { $0 + $1.1.nats } / Double(max(domains.count, 1)), domains: domains
    )
  }
}
