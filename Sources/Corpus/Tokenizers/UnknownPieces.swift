/// Counts what a tokenizer without bytes for unknown characters loses of a text.
struct UnknownPieces {
  private let unknown: Int32
  /// The bytes of text that each piece stands for.
  private let lengths: [Int32]

  /// What was counted.
  struct Count: Codable {
    /// Pieces that stand for characters the model does not know.
    var pieces = 0
    /// Bytes that other pieces stand for, and of the whole text.
    var knownBytes = 0, bytes = 0

    /// Takes in what was counted of other text.
    mutating func add(_ other: Count) {
      pieces += other.pieces
      knownBytes += other.knownBytes
      bytes += other.bytes
    }

    /// The share of the text, in bytes, that unknown pieces stand for: what no other piece does.
    var share: Double { bytes > 0 ? Double(max(0, bytes - knownBytes)) / Double(bytes) : 0 }
  }

  /// Nil for a tokenizer that spells every text.
  init?(of tokenizer: Tokenizer) {
    guard let unknown = tokenizer.unknownPiece else { return nil }
    self.unknown = unknown.id
    lengths = unknown.lengths
  }

  /// Counts the tokens of a text of some bytes.
  func count(in tokens: [Int32], bytes: Int) -> Count {
    var count = Count(bytes: bytes)
    for token in tokens {
      if token == unknown { count.pieces += 1 } else { count.knownBytes += Int(lengths[Int(token)]) }
    }
    return count
  }
}
