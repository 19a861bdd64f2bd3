import Checkpoints
import Corpus
import Failures
import Foundation
import Kernels
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
  let parameters: Arena

  /// The number of optimizer steps behind it.
  public var step: Int { state.step }

  /// Reads a checkpoint, or the latest one of a run directory.
  ///
  /// - Throws: `Failure`: `.missingInput` if there is none, `.badData` that names the file which is damaged.
  public init(at path: String) throws {
    let checkpoint = try Self.locate(path)
    try CheckpointStore.verify(checkpoint)
    let state = try RunState.read(from: checkpoint)
    let model = try state.modelConfiguration(of: checkpoint)
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
  func tokenizer() throws -> Tokenizer {
    let file = "\(path)/\(Tokenizer.modelFileName)"
    let candidates =
      FileManager.default.fileExists(atPath: file)
      ? [try Tokenizer(sentencePiece: [UInt8](Data(contentsOf: URL(fileURLWithPath: file))), named: file)]
      : [.bytes, .ids(vocabularySize: model.vocabularySize)]
    guard let tokenizer = candidates.first(where: { $0.hash.description == state.tokenizer }) else {
      throw Failure(.badData, "\(path) has not the tokenizer that the model was trained with (hash \(state.tokenizer)).")
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
        "\(corpus.path) was built with another tokenizer (\(other)) than the model in \(path) was trained with (\(state.tokenizer)); "
          + "build it with `tokenizer: {file: ...}` naming the model's tokenizer.")
    }
  }

  /// The checkpoint at `path`, or the latest one of the run at `path`.
  static func locate(_ path: String) throws -> String {
    let files = FileManager.default
    guard files.fileExists(atPath: path) else { throw Failure(.missingInput, "There is no checkpoint or run \(path).") }
    if files.fileExists(atPath: path + "/state.json") { return path }
    guard let latest = try? String(contentsOfFile: path + "/checkpoints/latest", encoding: .utf8) else {
      throw Failure(.missingInput, "\(path) is neither a checkpoint nor a run that has written one.")
    }
    return "\(path)/checkpoints/\(latest.trimmingCharacters(in: .whitespacesAndNewlines))"
  }
}

extension SavedModel {
  /// A saved model whose losses another run compares its own with; only its shape has been read.
  struct Reference: Sendable {
    /// The checkpoint's directory.
    let path: String
    let model: ModelConfiguration
    private let tokenizer: String

    /// Finds a checkpoint, or the latest one of a run directory.
    ///
    /// - Throws: `Failure`: `.missingInput` if there is none, `.badData` if it is damaged.
    init(_ run: String) throws {
      path = try SavedModel.locate(run)
      let state = try RunState.read(from: path)
      model = try state.modelConfiguration(of: path)
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
