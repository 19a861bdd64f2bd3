import Failures
import Foundation
import MPI

/// How well a model predicts one text.
public struct TextLikelihood: Encodable, Sendable {
  /// The text's tokens, all of which are predicted; its words, that is, runs without white space; and its bytes.
  public let tokens, words, bytes: Int
  /// The mean loss per token, in nats.
  public let nats_per_token: Double
  /// The loss of the whole text in bits, over its bytes.
  public let bits_per_byte: Double
  /// e to the loss per token, and per word.
  public let perplexity_per_token, perplexity_per_word: Double

  /// Measures a file of UTF-8.
  ///
  /// The text follows the end of a document. The first window has as many tokens as the context T; each further one
  /// predicts the next T / 2 tokens after the T / 2 before them, so every token but those of the first window has at
  /// least half a context before it.
  ///
  /// Collective: every rank calls, with the same file.
  ///
  /// - Throws: `Failure`: `.missingInput` or `.badData` for the file, `.preempted` if a signal asks to stop.
  public init(
    of path: String, by model: inout LikelihoodModel, over world: borrowing Communicator,
    progress: (_ share: Double) -> Void = { _ in }
  ) throws {
    let tokenizer = model.tokenizer
    let (text, ids) = try world.agree {
      let text = String(decoding: try TextFile.content(of: path), as: UTF8.self)
      guard !text.isEmpty else { throw Failure(.badData, "\(path) is empty.") }
      return (text, try tokenizer.encode(text))
    }
    let requests = Self.windows([tokenizer.endOfDocument] + ids, context: model.context)
    let nats = -(try model.logLikelihoods(of: requests, over: world, progress: progress).values.reduce(0, +))
    let words = text.unicodeScalars.split { $0.properties.isWhitespace }.count
    (tokens, self.words, bytes) = (ids.count, words, text.utf8.count)
    nats_per_token = nats / Double(ids.count)
    bits_per_byte = nats / log(2) / Double(bytes)
    perplexity_per_token = exp(nats / Double(ids.count))
    perplexity_per_word = exp(nats / Double(max(words, 1)))
  }

  /// The requests that want every token but the first, once.
  package static func windows(_ tokens: [Int32], context: Int) -> [LikelihoodRequest] {
    let step = max(1, context / 2)
    var requests: [LikelihoodRequest] = []
    var next = 1
    while next < tokens.count {
      let end = min(tokens.count, next == 1 ? 1 + context : next + step)
      // As many inputs as the context has, with the tokens that are wanted but for the last.
      requests.append(
        LikelihoodRequest(
          context: Array(tokens[max(0, end - 1 - context)..<next]), continuation: Array(tokens[next..<end])))
      next = end
    }
    return requests
  }
}
