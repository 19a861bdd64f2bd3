import Foundation
import Kernels
import Testing
import Transformer

/// Logits of one token after the other against those of whole passes.
struct DecoderTests {
  static let shapes = [
    ModelConfiguration(layers: 1, heads: 1, width: 3, context: 5, vocabularySize: 7),
    ModelConfiguration(layers: 2, heads: 2, width: 34, context: 40, vocabularySize: 31),
    ModelConfiguration(layers: 3, heads: 4, width: 128, context: 150, vocabularySize: 1003),
  ]

  @Test(arguments: shapes)
  func `Each token gives the logits of a pass over all tokens up to it`(_ shape: ModelConfiguration) {
    let layout = ParameterLayout(shape)
    let parameters = Arena(count: layout.arenaCount)
    layout.initialize(parameters, seed: 11)
    scale(parameters.row, by: 5)
    let tokens = (0..<shape.context).map { Int32(($0 * $0 + 5 * $0) % shape.vocabularySize) }
    var cached = Decoder(shape)
    var whole = Decoder(shape)
    for start in [1, shape.context / 2] {
      cached.start(Array(tokens[..<start]), parameters: parameters)
      for end in start...shape.context {
        if end > start { cached.append(tokens[end - 1], parameters: parameters) }
        #expect(cached.count == end)
        // The longest are the hardest; of the others some will do.
        guard end % 7 == 0 || end > shape.context - 3 else { continue }
        whole.start(Array(tokens[..<end]), parameters: parameters)
        #expect(difference(elements(of: whole.logits), elements(of: cached.logits)) < 2e-5)
      }
    }
    // The loss of a token by the training head is that of its logits.
    var model = GPT2(shape, sequences: 1, length: shape.context)
    model.evaluate((tokens + [2]).span, parameters: parameters.row)
    let logits = elements(of: whole.logits)
    exponentials(of: whole.logits, factor: 1)
    let loss = log(sum(whole.logits)) - Double(logits[2] - logits.max()!)
    #expect(abs(loss - Double(model.losses[0, shape.context - 1])) < 1e-3)
  }

  /// The largest difference as a share of the largest value.
  private func difference(_ one: [Float], _ other: [Float]) -> Float {
    zip(one, other).map { abs($0 - $1) }.max()! / one.map(abs).max()!
  }
}
