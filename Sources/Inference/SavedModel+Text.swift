import Corpus
import Failures
import Training

extension SavedModel {
  /// The tokenizer, for a text to be read or written.
  ///
  /// - Throws: `Failure(.badData)` if the model was trained on ids that were never text.
  func textTokenizer() throws -> Tokenizer {
    let tokenizer = try tokenizer()
    guard tokenizer.kind != .ids else {
      throw Failure(.badData, "\(path): The model was trained on token ids without text, so it has no words.")
    }
    return tokenizer
  }
}
