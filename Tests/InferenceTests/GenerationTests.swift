import Corpus
import Foundation
import Inference
import Kernels
import Testing
import Transformer

/// Text token by token, and characters byte by byte.
struct GenerationTests {
  private static let shape = ModelConfiguration(layers: 2, heads: 2, width: 32, context: 20, vocabularySize: 61)

  private func text(
    _ prompt: [Int32], _ choice: TokenChoice, isCached: Bool, _ parameters: borrowing Arena
  ) -> (tokens: [Int32], restarts: Int) {
    var generator = TokenGenerator(Self.shape, after: prompt, choice, isCached: isCached, parameters: parameters)
    var tokens: [Int32] = []
    for _ in 0..<90 { tokens.append(generator.next(parameters: parameters)) }
    return (tokens, generator.restarts)
  }

  private func parameters(seed: UInt64) -> Arena {
    let layout = ParameterLayout(Self.shape)
    let parameters = Arena(count: layout.arenaCount)
    layout.initialize(parameters, seed: seed)
    scale(parameters.row, by: 6)
    return parameters
  }

  static let choices = [
    TokenChoice(temperature: 0), TokenChoice(temperature: 1, seed: 4), TokenChoice(temperature: 2, topP: 0.7, seed: 9),
  ]

  @Test(arguments: choices, [1, 19, 20, 21, 53])
  func `With keys and values kept the text is the same, far past the context's end`(
    _ choice: TokenChoice, _ length: Int
  ) {
    for seed in 1...3 as ClosedRange<UInt64> {
      let parameters = parameters(seed: seed)
      let prompt = (0..<length).map { Int32($0 * 5 % 61) }
      let cached = text(prompt, choice, isCached: true, parameters)
      let plain = text(prompt, choice, isCached: false, parameters)
      #expect(cached.tokens == plain.tokens && cached.restarts == plain.restarts && cached.restarts >= 8)
    }
  }

  @Test func `Seeds give other texts, and the same seed the same`() {
    let parameters = parameters(seed: 1)
    func tokens(_ seed: UInt64) -> [Int32] {
      text([1, 2], TokenChoice(temperature: 2, seed: seed), isCached: true, parameters).tokens
    }
    #expect(tokens(1) == tokens(1) && tokens(1) != tokens(2))
  }

  private func draw(_ choice: TokenChoice, _ probabilities: [Double], at place: Int) -> Int {
    let logits = Arena(count: probabilities.count)
    for (index, value) in probabilities.enumerated() { logits.row[0, index] = Float(log(value)) }
    return Int(choice.token(at: place, logits.row))
  }

  @Test func `Tokens are drawn as often as they are likely, sharpened by temperature and cut by their share`() {
    let probabilities = [0.1, 0.4, 0.2, 0.3]
    func shares(_ choice: TokenChoice) -> [Double] {
      var counts = [Double](repeating: 0, count: 4)
      for place in 0..<20_000 { counts[draw(choice, probabilities, at: place)] += 1 / 20_000 }
      return counts
    }
    func expect(_ choice: TokenChoice, _ expected: [Double]) {
      // Four standard errors of a share of a half are 0.014.
      for (found, right) in zip(shares(choice), expected) { #expect(abs(found - right) < 0.015, "\(choice)") }
    }
    expect(TokenChoice(temperature: 1), probabilities)
    expect(TokenChoice(temperature: 0.5), [0.01, 0.16, 0.04, 0.09].map { $0 / 0.3 })
    expect(TokenChoice(temperature: 1, topP: 0.65), [0, 4.0 / 7, 0, 3.0 / 7])
    expect(TokenChoice(temperature: 1, topP: 1e-9), [0, 1, 0, 0])
    #expect(draw(TokenChoice(temperature: 0), [0.3, 0.35, 0.35], at: 0) == 1)
  }

  @Test func `Characters come whole, whatever pieces their bytes come in`() {
    let text = "aé漢😀\u{301}z"
    let bytes = Array(text.utf8)
    for size in 1...5 {
      var stream = CharacterStream()
      var parts: [String] = []
      for first in stride(from: 0, to: bytes.count, by: size) {
        parts.append(stream.take(Array(bytes[first..<min(first + size, bytes.count)])))
      }
      parts.append(stream.finish())
      #expect(parts.joined().unicodeScalars.elementsEqual(text.unicodeScalars))
      #expect(parts.allSatisfy { !$0.contains("\u{FFFD}") })
    }
    // Bytes that never become a character are replaced, at the latest at the end.
    var stream = CharacterStream()
    #expect(stream.take([0xF0, 0x9F]) == "" && stream.take([0x41]) == "\u{FFFD}A")
    #expect(stream.take([0xC3]) == "" && stream.finish() == "\u{FFFD}" && stream.finish() == "")
    #expect(stream.take([0x80, 0x80, 0x80, 0x80, 0x42]).hasSuffix("B"))
  }
}
