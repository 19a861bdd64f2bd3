import Failures
import Printing

/// A tokenizer as Hugging Face's library `tokenizers` reads it: the content of a `tokenizer.json` that gives the same
/// ids for every text.
///
/// Both kinds are its byte-pair encoding, without any change to the text before: text is encoded as it is, and no token
/// is added to it.
///
/// - Single bytes are a vocabulary of bytes without merges.
/// - SentencePiece keeps scores of pieces and joins any two neighbours that make a piece, the highest score first.
///   `tokenizers` keeps a list of pairs and joins the pair that comes first. So the list has every pair of pieces that
///   makes a piece, in the order of the scores. Pieces have plain spaces here: U+2581 in a text is then a character
///   that no piece has, and is spelt in bytes, as `Tokenizer` does.
public struct HuggingFaceTokenizer {
  /// The content of `tokenizer.json`.
  public let content: String
  /// What the end of a document is called; such words in a text are text to `Tokenizer`.
  public let endOfDocument: String

  /// Translates a tokenizer.
  ///
  /// - Throws: `Failure(.badData)` with the reason why the library cannot give the same ids.
  public init(_ tokenizer: Tokenizer) throws {
    switch tokenizer.kind {
    case .bytes:
      endOfDocument = "<|endoftext|>"
      let characters = Self.byteCharacters.map { Array(String($0).utf8) }
      let level = #"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}"#
      content = try Self.file(
        vocabulary: characters + [Array(endOfDocument.utf8)], merges: [],
        added: [(id: Int(tokenizer.endOfDocument), text: endOfDocument, isSpecial: true)],
        preTokenizer: level, decoder: level, spellsInBytes: false)
    case .sentencepiece:
      let pieces = try BytePairPieces(tokenizer.modelFile ?? [])
      endOfDocument = pieces.name(Int(tokenizer.endOfDocument))
      content = try Self.file(
        vocabulary: pieces.texts, merges: pieces.merges, added: pieces.added, preTokenizer: "null",
        decoder: #"{"type":"Sequence","decoders":[{"type":"ByteFallback"},{"type":"Fuse"}]}"#, spellsInBytes: true)
    case .ids:
      throw Failure(.badData, "the corpus is made of token ids that were never text")
    }
  }

  /// The character that stands for each byte in vocabularies of bytes: printable ones of Latin-1 for themselves, and
  /// those from U+0100 on for the other bytes, in their order.
  private static let byteCharacters: [Unicode.Scalar] = {
    var free: UInt32 = 0x100
    return (0...0xFF).map { byte in
      if (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE {
        return Unicode.Scalar(UInt8(byte))
      }
      defer { free += 1 }
      return Unicode.Scalar(free)!
    }
  }()

  /// Writes the file, a line for each token and each merge.
  ///
  /// Texts are bytes and the JSON is put together here, because strings that differ in their bytes can be equal in
  /// Swift, and so cannot be keys.
  private static func file(
    vocabulary: [[UInt8]], merges: [(left: [UInt8], right: [UInt8])],
    added: [(id: Int, text: String, isSpecial: Bool)], preTokenizer: String, decoder: String, spellsInBytes: Bool
  ) throws -> String {
    func quoted(_ text: [UInt8]) throws -> String { try JSON.line.text(String(decoding: text, as: UTF8.self)) }
    let added = try added.map {
      #"{"id":\#($0.id),"content":\#(try JSON.line.text($0.text)),"single_word":false,"lstrip":false,"rstrip":false,"#
        + #""normalized":false,"special":\#($0.isSpecial)}"#
    }
    let vocabulary = try vocabulary.enumerated().map { "\(try quoted($1)):\($0)" }
    let merges = try merges.map { "[\(try quoted($0.left)),\(try quoted($0.right))]" }
    return """
      {"version":"1.0","truncation":null,"padding":null,
      "added_tokens":[\(added.joined(separator: ",\n"))],
      "normalizer":null,"pre_tokenizer":\(preTokenizer),"post_processor":null,
      "decoder":\(decoder),
      "model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,
      "fuse_unk":false,"byte_fallback":\(spellsInBytes),"ignore_merges":false,"vocab":{
      \(vocabulary.joined(separator: ",\n"))
      },"merges":[
      \(merges.joined(separator: ",\n"))
      ]}}

      """
  }
}

/// The pieces of a SentencePiece model with plain spaces, and the pairs that make them.
private struct BytePairPieces {
  /// By id.
  let texts: [[UInt8]]
  /// Pairs of pieces that make a piece, those first that are joined first.
  let merges: [(left: [UInt8], right: [UInt8])]
  /// Pieces that are not made of pairs: those that a user defined, and those that are never text.
  let added: [(id: Int, text: String, isSpecial: Bool)]

  /// Reads a model's file.
  ///
  /// - Throws: `Failure(.badData)` with the reason why pairs cannot give the same ids.
  init(_ content: [UInt8]) throws {
    guard let table = PieceTable(content) else { throw Failure(.badData, "its SentencePiece model cannot be read") }
    let texts = table.pieces.map { SentencePieceModel.withPlainSpaces($0.text) }
    self.texts = texts
    added = table.pieces.indices.compactMap { id in
      let kind = table.pieces[id].kind
      guard kind == .control || kind == .userDefined else { return nil }
      return (id, String(decoding: texts[id], as: UTF8.self), kind == .control)
    }
    try Self.checkText(table)
    guard Set(texts).count == texts.count else { throw Failure(.badData, "two of its pieces differ in spaces alone") }
    let normal = table.pieces.indices.filter { table.pieces[$0].kind == .normal }
    let known = Set(normal.map { texts[$0] })
    var merges: [(left: [UInt8], right: [UInt8])] = []
    var lastScore = Float.infinity
    for id in normal.sorted(by: { (table.pieces[$0].score, $1) > (table.pieces[$1].score, $0) }) {
      let pairs = try Self.pairs(of: texts[id], in: known)
      guard !pairs.isEmpty else { continue }
      guard table.pieces[id].score < lastScore else { throw Failure(.badData, "two of its pieces have the same score") }
      lastScore = table.pieces[id].score
      merges += pairs
    }
    self.merges = merges
  }

  func name(_ id: Int) -> String { String(decoding: texts[id], as: UTF8.self) }

  /// Checks that text is encoded as it is, by joining pairs, and whatever the vocabulary lacks is spelt in bytes.
  private static func checkText(_ table: PieceTable) throws {
    let changes = table.changes
    guard table.algorithm == .bytePair else {
      throw Failure(.badData, "its SentencePiece model is no byte-pair encoding but '\(table.algorithm)'")
    }
    guard !changes.normalizes, !changes.addsSpaceInFront, !changes.removesSpaces, changes.escapesSpaces else {
      throw Failure(.badData, "its SentencePiece model changes text before it encodes (normalisation or spaces)")
    }
    guard table.pieces.count(where: { $0.kind == .byte }) == 256 else {
      throw Failure(.badData, "its SentencePiece model has no pieces for single bytes")
    }
    guard !table.pieces.contains(where: { $0.kind == .unused }) else {
      throw Failure(.badData, "its SentencePiece model has unused pieces")
    }
  }

  /// All ways to make a piece of two, a long left one first, because runs are joined from the left.
  private static func pairs(of piece: [UInt8], in known: Set<[UInt8]>) throws -> [(left: [UInt8], right: [UInt8])] {
    let starts = piece.indices.filter { piece[$0] & 0xC0 != 0x80 }
    guard starts.count > 1 else { return [] }
    for (start, end) in zip(starts, starts.dropFirst() + [piece.count]) where !known.contains(Array(piece[start..<end]))
    {
      throw Failure(.badData, "a character of its piece '\(String(decoding: piece, as: UTF8.self))' is no piece itself")
    }
    return starts.dropFirst().reversed().compactMap { cut in
      let (left, right) = (Array(piece[..<cut]), Array(piece[cut...]))
      return known.contains(left) && known.contains(right) ? (left, right) : nil
    }
  }
}
