import Configuration
import Corpus
import Failures
import Foundation
import Kernels
import Parallel
import Printing
import Signals
import Transformer

/// The evaluation of a saved model outside of a run, on one rank.
public struct ModelEvaluation: ~Copyable {
  private let saved: SavedModel
  private var model: GPT2

  /// Windows that are evaluated at once.
  private static let capacity = 8

  private static let consequenceOfStopping = "nothing was evaluated"

  /// Reads a checkpoint, or the latest one of a run directory.
  ///
  /// - Throws: `Failure`: `.missingInput`, `.badData`, or `.badConfiguration` if the node has too little memory.
  public init(at path: String) throws { try self.init(at: path, within: NodeMemory.present) }

  package init(at path: String, within memory: NodeMemory?) throws {
    saved = try SavedModel(at: path, sequences: Self.capacity, for: .evaluation, within: memory)
    model = GPT2(saved.model, sequences: Self.capacity, length: saved.model.context)
  }

  /// The corpus of the run that wrote the checkpoint, by the run's configuration.
  ///
  /// - Throws: `Failure(.usage)` if the checkpoint is not in a run directory.
  public func corpusOfRun() throws -> String {
    let file = URL(fileURLWithPath: saved.path).appending(path: "../../config.yaml").standardizedFileURL.path
    guard FileManager.default.fileExists(atPath: file) else {
      throw Failure(.usage, "\(saved.path) is in no run directory that names its corpus; give one with --corpus.")
    }
    return try Section(contentsOf: file).string("corpus")
  }

  /// The loss on every domain's validation part and on every target's evaluation part.
  ///
  /// - Parameter sequences: The most windows of each part.
  /// - Throws: `Failure(.badData)` if the corpus was built with another tokenizer than the model's corpus.
  public mutating func losses(on corpus: Corpus, sequences: Int) throws -> [PartEvaluation] {
    try saved.checkTokenizer(of: corpus)
    let parts =
      corpus.targets.map { ("target", $0.name, $0.evaluation) }
      + corpus.domains.map { ("domain", $0.name, $0.validation) }
    return try parts.compactMap { kind, name, slice in
      let windows = min(sequences, windowCount(tokens: slice.tokenCount, context: model.length))
      guard windows > 0 else { return nil }
      let source = WindowSource.mapped(TokenSlices([slice]))
      var losses: [Double] = []
      var reader = BatchReader(length: model.length, capacity: Self.capacity)
      for first in stride(from: 0, to: windows, by: Self.capacity) {
        try StopSignal.check(Self.consequenceOfStopping)
        reader.clear()
        for index in first..<min(first + Self.capacity, windows) {
          try reader.append(Window(index: index), from: source)
        }
        model.evaluate(reader.windows, parameters: saved.parameters.row)
        for row in 0..<reader.count { losses.append(model.loss(ofSequence: row)) }
      }
      return PartEvaluation(kind: kind, name: name, loss: PartLoss(windowLosses: losses[...], of: slice))
    }
  }

  /// The logarithms of the probabilities of every next token after `tokens`, in nats.
  ///
  /// - Throws: `Failure(.usage)` if there are too many tokens for the context, none, or one outside the vocabulary.
  public mutating func nextTokenLogProbabilities(after tokens: [Int32]) throws -> [Float] {
    let vocabulary = saved.model.vocabularySize
    guard (1...saved.model.context).contains(tokens.count), tokens.allSatisfy({ (0..<Int32(vocabulary)).contains($0) })
    else {
      throw Failure(
        .usage, "From 1 to \(saved.model.context) token ids are needed, each from 0 to \(vocabulary - 1).")
    }
    // -log p(v) is the loss of a window that ends with v: the training head serves, one window for each v.
    var scorer = GPT2(saved.model, sequences: Self.capacity, length: tokens.count)
    var result: [Float] = []
    for first in stride(from: 0, to: vocabulary, by: Self.capacity) {
      try StopSignal.check(Self.consequenceOfStopping)
      let candidates = first..<min(first + Self.capacity, vocabulary)
      let windows = candidates.flatMap { tokens + [Int32($0)] }
      scorer.evaluate(windows.span, parameters: saved.parameters.row)
      for row in 0..<candidates.count { result.append(-scorer.losses[row, tokens.count - 1]) }
    }
    return result
  }
}

/// The loss on one part of a corpus.
public struct PartEvaluation: Encodable, Sendable {
  /// `target` or `domain`.
  public let kind: String
  /// The name of the target or domain.
  public let name: String
  /// Loss and error.
  public let loss: PartLoss
}
