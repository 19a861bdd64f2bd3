/// Counts what a tokenizer without bytes for unknown characters loses of a text.
struct UnknownPieces {
  private let unknown: Int32
  /// The bytes of text that each piece stands for.
  private let lengths: [Int32]
  private var knownBytes = 0

  /// The number of pieces that stand for characters the model does not know.
  private(set) var count = 0
  private var bytes = 0
  /// The first document with such a piece.
  private(set) var first: Spool.Document?

  /// Nil for a tokenizer that spells every text.
  init?(of tokenizer: Tokenizer) {
    guard let unknown = tokenizer.unknownPiece else { return nil }
    self.unknown = unknown.id
    lengths = unknown.lengths
  }

  /// Counts the tokens of a document.
  mutating func add(_ tokens: [Int32], of document: Spool.Document) {
    for token in tokens {
      if token == unknown { count += 1 } else { knownBytes += Int(lengths[Int(token)]) }
    }
    bytes += document.count
    if count > 0, first == nil { first = document }
  }

  /// The share of the text, in bytes, that unknown pieces stand for: what no other piece does.
  var share: Double { bytes > 0 ? Double(max(0, bytes - knownBytes)) / Double(bytes) : 0 }
}
