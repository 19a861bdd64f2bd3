/// A writer of texts that look like language to a small model: words of a vocabulary, the first ones much more often.
///
/// The same seeds give the same text on every machine.
struct WordGenerator {
  private let words: [String]
  private var random: SplitMix

  /// Invents a vocabulary of 200 words from an alphabet.
  ///
  /// - Parameters:
  ///   - vocabularySeed: decides the words; generators that share it write the same language.
  ///   - seed: decides what is written.
  init(alphabet: String, vocabularySeed: UInt64, seed: UInt64) {
    var inventor = SplitMix(state: vocabularySeed)
    let letters = Array(alphabet)
    words = (0..<200).map { _ in
      String((0..<Int.random(in: 2...8, using: &inventor)).map { _ in letters.randomElement(using: &inventor)! })
    }
    random = SplitMix(state: seed)
  }

  /// Writes a document of 30 lines, about 1,300 letters.
  mutating func document() -> String {
    (0..<30).map { _ in line() }.joined(separator: "\n") + "\n"
  }

  private mutating func line() -> String {
    let count = Int.random(in: 5...12, using: &random)
    let line = (0..<count).map { _ in
      // The smaller of three draws: frequencies fall steeply, as those of words do.
      words[(0..<3).map { _ in Int.random(in: 0..<words.count, using: &random) }.min()!]
    }
    return line.joined(separator: " ") + "."
  }
}

/// A small generator of random numbers with a fixed sequence.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
  }
}
