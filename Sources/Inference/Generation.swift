import Corpus
import Failures
import Signals
import Training
import Transformer

/// Text that a saved model writes after a prompt.
public struct Generation: Encodable, Sendable {
  /// What was written, without the prompt.
  public let text: String
  /// The ids of what was written; the one that ends a document is the last, if it was.
  public let tokens: [Int32]
  /// The number of tokens of the prompt.
  public let prompt_tokens: Int
  /// Whether the model has ended the text.
  public let ended: Bool
  /// How often the older half of a full context was dropped.
  public let restarts: Int
  /// How long the prompt took, and how many tokens followed per second.
  public let prompt_seconds, tokens_per_second: Double

  /// Writes at most `count` tokens, and stops at the end of a document.
  ///
  /// - Parameters:
  ///   - path: A checkpoint, or a run directory, whose latest checkpoint is taken.
  ///   - prompt: If it is empty, a document begins.
  ///   - isCached: Whether attention's keys and values are kept; the text is the same.
  ///   - emit: Is called with every piece of text, which is never a part of a character.
  /// - Throws: `Failure`: `.missingInput`, `.badData`, `.badConfiguration` if the node has too little memory,
  ///   `.preempted` if a signal asks to stop; what `emit` throws.
  public init(
    by path: String, after prompt: String, tokens count: Int, _ choice: TokenChoice, isCached: Bool = true,
    emit: (String) throws -> Void
  ) throws {
    let saved = try SavedModel(at: path, for: .evaluation, within: .present, activationBytes: Decoder.bytes)
    let tokenizer = try saved.textTokenizer()
    let pieces = tokenizer.pieces
    let beginning = prompt.isEmpty ? [tokenizer.endOfDocument] : try tokenizer.encode(prompt)
    let clock = ContinuousClock()
    let start = clock.now
    var generator = TokenGenerator(
      saved.model, after: beginning, choice, isCached: isCached, parameters: saved.parameters)
    let begun = clock.now
    var (text, tokens, stream) = ("", [Int32](), CharacterStream())
    func add(_ part: String) throws {
      guard !part.isEmpty else { return }
      text += part
      try emit(part)
    }
    while tokens.count < count, tokens.last != tokenizer.endOfDocument {
      try StopSignal.check("the text ends here")
      tokens.append(generator.next(parameters: saved.parameters))
      try add(stream.take(pieces[Int(tokens.last!)]))
    }
    try add(stream.finish())
    (self.text, self.tokens, prompt_tokens) = (text, tokens, prompt.isEmpty ? 0 : beginning.count)
    (ended, restarts) = (tokens.last == tokenizer.endOfDocument, generator.restarts)
    prompt_seconds = start.duration(to: begun) / .seconds(1)
    tokens_per_second = Double(tokens.count) / (begun.duration(to: clock.now) / .seconds(1))
  }
}
