import Kernels
import Transformer

/// Writes token after token.
///
/// Positions of GPT-2 are learned and cannot be moved. So when the context is full its older half is dropped, and the
/// rest goes through the model as if it were the beginning of the text.
package struct TokenGenerator: ~Copyable {
  private var decoder: Decoder
  private let choice: TokenChoice
  private let context: Int
  /// Whether keys and values are kept; otherwise every token takes a pass over all that the model sees.
  private let isCached: Bool
  /// The tokens that the model sees.
  private var window: [Int32] = []
  private var written = 0
  /// How often the older half was dropped.
  package private(set) var restarts = 0

  /// Begins after a prompt, which is not empty.
  package init(
    _ model: ModelConfiguration, after prompt: [Int32], _ choice: TokenChoice, isCached: Bool = true,
    parameters: borrowing Arena
  ) {
    precondition(!prompt.isEmpty)
    decoder = Decoder(model)
    context = model.context
    self.choice = choice
    self.isCached = isCached
    for token in prompt { _ = take(token) }
    restarts = 0
    decoder.start(window, parameters: parameters)
  }

  /// Writes one more token.
  package mutating func next(parameters: borrowing Arena) -> Int32 {
    let token = choice.token(at: written, decoder.logits)
    written += 1
    let hasRoom = take(token)
    if isCached && hasRoom {
      decoder.append(token, parameters: parameters)
    } else {
      decoder.start(window, parameters: parameters)
    }
    return token
  }

  /// Adds a token to those that the model sees; returns whether there was room for it.
  private mutating func take(_ token: Int32) -> Bool {
    let hasRoom = window.count < context
    if !hasRoom {
      window.removeFirst(context - context / 2)
      restarts += 1
    }
    window.append(token)
    return hasRoom
  }
}
