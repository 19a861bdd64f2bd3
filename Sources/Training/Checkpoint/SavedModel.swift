import Checkpoints
import Corpus
import Failures
import Foundation
import Kernels
import Printing
import Steering
import Transformer

/// The model in a checkpoint, verified and read whole, without what only training needs.
public struct SavedModel: ~Copyable {
  /// The checkpoint's directory.
  public let path: String
  /// The model's shape.
  public let model: ModelConfiguration
  /// What the checkpoint says of the run that wrote it.
  let state: RunState
  /// All parameters, in the model's layout.
  package let parameters: Arena

  /// The number of optimizer steps behind it.
  public var step: Int { state.step }

  /// Reads a checkpoint, or the newest whole one of a run directory.
  ///
  /// - Parameters:
  ///   - report: Is called with what a person should know, such as damaged checkpoints that are passed over.
  ///   - accept: Is called with the model's shape before memory for it is taken.
  /// - Throws: `Failure`: `.missingInput` if there is none, `.badData` that names the file which is damaged; what
  ///   `accept` throws.
  public init(
    at path: String, report: (String) -> Void = SavedModel.warn, accept: (ModelConfiguration) throws -> Void = { _ in }
  ) throws {
    let checkpoint = try Self.locate(path, report: report)
    let state = try RunState.read(from: checkpoint)
    let model = state.modelConfiguration
    try accept(model)
    let layout = ParameterLayout(model)
    let parameters = try TensorFiles.readParameters(layout: layout, from: checkpoint)
    self.path = checkpoint
    self.model = model
    self.parameters = parameters
    self.state = state
  }

  /// The tokenizer that the model was trained with.
  ///
  /// - Throws: `Failure(.badData)` if the checkpoint lacks its file or has another's.
  package func tokenizer() throws -> Tokenizer {
    let file = "\(path)/\(Tokenizer.modelFileName)"
    let candidates =
      FileManager.default.fileExists(atPath: file)
      ? [try Tokenizer(sentencePiece: [UInt8](Data(contentsOf: URL(fileURLWithPath: file))), named: file)]
      : [.bytes, .ids(vocabularySize: model.vocabularySize)]
    guard let tokenizer = candidates.first(where: { $0.hash.description == state.tokenizer }) else {
      throw Failure(
        .badData, "\(path) does not have the tokenizer that the model was trained with (hash \(state.tokenizer)).")
    }
    return tokenizer
  }

  /// Checks that a corpus has the tokenizer that the model was trained with.
  ///
  /// - Throws: `Failure(.badData)` with both hashes.
  func checkTokenizer(of corpus: Corpus) throws {
    let other = corpus.tokenizer.hash.description
    guard other == state.tokenizer else {
      throw Failure(
        .badData,
        "\(corpus.path) was built with another tokenizer (\(other)) than the model in \(path) was trained with "
          + "(\(state.tokenizer)); build it with `tokenizer: {file: ...}` naming the model's tokenizer.")
    }
  }

  /// The checkpoint at `path`, which has to be whole, or the newest whole one of the run at `path`.
  static func locate(_ path: String, report: (String) -> Void = warn) throws -> String {
    let files = FileManager.default
    guard files.fileExists(atPath: path) else { throw Failure(.missingInput, "There is no checkpoint or run \(path).") }
    if files.fileExists(atPath: "\(path)/\(RunState.fileName)") {
      try CheckpointManifest.verify(path)
      try examine(path)
      return path
    }
    let store = CheckpointStore(path: RunDirectory.checkpoints(of: path), keep: 1)
    guard let newest = try store.newest(examine: { try examine($0) }, report: report) else {
      throw Failure(.missingInput, "\(path) is neither a checkpoint nor a run that has written one.")
    }
    return newest
  }

  /// Checks what is in a checkpoint whose files are those that were written: that every file is there, the state makes
  /// sense, and all numbers are finite.
  ///
  /// - Throws: `Failure(.badData)` that names file and key or tensor.
  @discardableResult
  static func examine(_ checkpoint: String) throws -> RunState {
    let files = try CheckpointManifest.names(of: checkpoint)
    let expected = [TensorFiles.parametersFile, TensorFiles.optimizerFile, RunState.fileName, MethodFile.name]
    for name in expected where !files.contains(name) {
      throw Failure(.badData, "\(checkpoint)/\(name) is missing.")
    }
    let state = try RunState.read(from: checkpoint)
    try TensorFiles.examine(files, of: checkpoint, layout: ParameterLayout(state.modelConfiguration))
    return state
  }

  /// Writes a warning to standard error.
  public static func warn(_ sentence: String) { Console.note("warning: " + sentence) }
}

extension SavedModel {
  /// Reads a checkpoint, or the newest whole one of a run directory, to run its model on so many sequences at once.
  ///
  /// - Throws: `Failure`: `.missingInput`, `.badData`, or `.badConfiguration` if the node has too little memory.
  init(at path: String, sequences: Int, for purpose: NodeMemory.Purpose, within memory: NodeMemory?) throws {
    try self.init(at: path, for: purpose, within: memory) {
      GPT2.activationBytes($0, sequences: sequences, length: $0.context)
    }
  }

  /// Reads a checkpoint, or the newest whole one of a run directory, to run its model in so much memory.
  ///
  /// - Parameter activationBytes: Bytes of working memory for a model of this shape.
  /// - Throws: `Failure`: `.missingInput`, `.badData`, or `.badConfiguration` if the node has too little memory.
  package init(
    at path: String, for purpose: NodeMemory.Purpose, within memory: NodeMemory?, ranks: Int = 1,
    report: (String) -> Void = SavedModel.warn, activationBytes: (ModelConfiguration) -> Int
  ) throws {
    try self.init(
      at: path, report: report,
      accept: { model in
        let parts = [
          ("parameters", ParameterLayout(model).arenaCount * MemoryLayout<Float>.stride),
          ("activations", activationBytes(model)),
        ]
        let bytes = parts.reduce(0.0) { $0 + Double($1.1) }
        let warning = try memory?.judge(ranks: ranks, bytes: bytes, parts: parts, for: purpose)
        if let warning { report(warning) }
      })
  }
}

extension SavedModel {
  /// A saved model whose losses another run compares its own with; only its shape has been read.
  struct Reference: Sendable {
    /// The checkpoint's directory.
    let path: String
    let model: ModelConfiguration
    private let tokenizer: String

    /// Finds a checkpoint, or the newest whole one of a run directory.
    ///
    /// - Throws: `Failure`: `.missingInput` if there is none, `.badData` if it is damaged.
    init(_ run: String, report: (String) -> Void) throws {
      path = try SavedModel.locate(run, report: report)
      let state = try RunState.read(from: path)
      model = state.modelConfiguration
      tokenizer = state.tokenizer
    }

    /// Checks that the model can be run on windows of a corpus.
    ///
    /// - Throws: `Failure(.badConfiguration)`.
    func check(_ corpus: Corpus, context: Int) throws {
      guard tokenizer == corpus.tokenizer.hash.description, model.vocabularySize == corpus.vocabularySize else {
        throw Failure(
          .badConfiguration,
          "The model in \(path) has another tokenizer than the corpus \(corpus.path).")
      }
      guard model.context >= context else {
        throw Failure(
          .badConfiguration,
          "The model in \(path) has a context of \(model.context) tokens, shorter than this run's \(context).")
      }
    }

    /// What steering needs of the model.
    var source: ReferenceModel.Source {
      ReferenceModel.Source(model: model) { [path] in
        let saved = try SavedModel(at: path)
        return (0..<saved.parameters.count).map { saved.parameters.span[$0] }
      }
    }
  }
}
