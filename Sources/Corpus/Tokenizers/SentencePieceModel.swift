import Failures
import Synchronization
internal import CSentencePiece

/// A loaded SentencePiece model.
package final class SentencePieceModel: @unchecked Sendable {
  /// The content of the `.model` file.
  let content: [UInt8]
  let vocabularySize: Int
  let endOfSentence: Int32

  /// Where texts may be cut without changing their tokens.
  let boundaries: WordBoundaries

  /// The piece of characters that the model does not know; nil if it spells them in bytes.
  let unknown: Int32?

  /// Encodes short words; nil for models of which it is not certain that it gives the ids of the library.
  var merging: BytePairMerging? {
    lazyMerging.withLock { merging in
      if merging == nil { merging = .some(BytePairMerging(content)) }
      return merging!
    }
  }

  /// Nil until somebody encodes.
  private let lazyMerging = Mutex<BytePairMerging??>(nil)

  private let handle: OpaquePointer

  /// The byte pieces of U+2581, if the model has byte pieces.
  ///
  /// SentencePiece writes a space as this character, so where it stands in a text it would come back as a space;
  /// spelt in bytes it survives.
  private let spaceSymbol: [Int32]?

  /// Loads a model from the content of its file.
  ///
  /// - Throws: `Failure(.badData)` if it is no model or has no piece that ends a sentence.
  package init(_ content: [UInt8], named name: String) throws {
    var error: UnsafeMutablePointer<CChar>?
    guard let handle = content.withUnsafeBytes({ csp_load($0.baseAddress, $0.count, &error) }) else {
      throw Failure(.badData, "\(name) cannot be loaded as a SentencePiece model: \(message(of: error)).")
    }
    self.content = content
    self.handle = handle
    vocabularySize = Int(csp_vocabulary_size(handle))
    endOfSentence = csp_end_of_sentence(handle)
    let spellsAll = (0...255).allSatisfy { csp_byte_piece(handle, $0) >= 0 }
    unknown = spellsAll ? nil : csp_unknown(handle)
    let bytes = "\u{2581}".utf8.map { csp_byte_piece(handle, $0) }
    spaceSymbol = bytes.contains(-1) ? nil : bytes
    boundaries = SentencePieceModel.boundaries(of: handle)
    guard endOfSentence >= 0 else {
      throw Failure(
        .badData, "\(name) has no piece that ends a sentence, which closes documents here; train it with an eos_id.")
    }
  }

  deinit { csp_unload(handle) }

  /// Encodes valid UTF-8 text, all at once.
  ///
  /// - Throws: `Failure(.internalError)` with the library's message.
  package func encode(_ text: Slice<UnsafeRawBufferPointer>, into tokens: inout [Int32]) throws {
    guard let spaceSymbol else { return try encodePlain(text, into: &tokens) }
    var rest = text
    while let place = firstSpaceSymbol(in: rest) {
      try encodePlain(rest[..<place], into: &tokens)
      tokens.append(contentsOf: spaceSymbol)
      rest = rest[(place + 3)...]
    }
    try encodePlain(rest, into: &tokens)
  }

  private func firstSpaceSymbol(in text: Slice<UnsafeRawBufferPointer>) -> Int? {
    var start = text.startIndex
    while let place = text[start...].firstIndex(of: 0xE2) {
      if place + 2 < text.endIndex, text[place + 1] == 0x96, text[place + 2] == 0x81 { return place }
      start = place + 1
    }
    return nil
  }

  private func encodePlain(_ text: Slice<UnsafeRawBufferPointer>, into tokens: inout [Int32]) throws {
    guard !text.isEmpty else { return }
    var ids: UnsafeMutablePointer<Int32>?
    var error: UnsafeMutablePointer<CChar>?
    let count = UnsafeRawBufferPointer(rebasing: text).withMemoryRebound(to: CChar.self) {
      csp_encode(handle, $0.baseAddress!, $0.count, &ids, &error)
    }
    defer { csp_free(ids) }
    guard count >= 0 else {
      throw Failure(.internalError, "SentencePiece failed to encode: \(message(of: error)).")
    }
    tokens.append(contentsOf: UnsafeBufferPointer(start: ids, count: Int(count)))
  }

  /// The number of bytes of text that each piece stands for, those that control something included.
  var pieceLengths: [Int32] {
    (0..<csp_vocabulary_size(handle)).map { Int32(SentencePieceModel.bytes(of: $0, in: handle).count) }
  }

  /// The bytes of text that each piece stands for, (vocabulary).
  var pieces: [[UInt8]] {
    var pieces = (0..<csp_vocabulary_size(handle)).map { SentencePieceModel.bytes(of: $0, in: handle) }
    pieces[Int(endOfSentence)] = []
    if let unknown { pieces[Int(unknown)] = [] }
    for byte in UInt8.min...UInt8.max {
      let id = csp_byte_piece(handle, byte)
      if id >= 0 { pieces[Int(id)] = [byte] }
    }
    return pieces
  }

  /// A piece as it is in texts.
  private static func bytes(of id: Int32, in handle: OpaquePointer) -> [UInt8] {
    var count = 0
    let bytes = csp_piece(handle, id, &count)
    return withPlainSpaces(UnsafeRawBufferPointer(start: bytes, count: count))
  }

  /// Decodes ids of the vocabulary.
  ///
  /// - Throws: `Failure(.internalError)` with the library's message.
  func decode(_ tokens: [Int32]) throws -> String {
    guard !tokens.isEmpty else { return "" }
    var decoded: UnsafeMutablePointer<CChar>?
    var error: UnsafeMutablePointer<CChar>?
    let count = tokens.withUnsafeBufferPointer { csp_decode(handle, $0.baseAddress!, $0.count, &decoded, &error) }
    defer { csp_free(decoded) }
    guard count >= 0 else {
      throw Failure(.internalError, "SentencePiece failed to decode: \(message(of: error)).")
    }
    return String(decoding: UnsafeRawBufferPointer(start: decoded, count: Int(count)), as: UTF8.self)
  }

  /// Finds out where no piece can stretch across.
  private static func boundaries(of handle: OpaquePointer) -> WordBoundaries {
    // A model that adds or removes spaces, or normalises, treats the beginning of a text in its own way; one without
    // bytes joins neighbouring unknown characters.
    guard csp_byte_piece(handle, 0) >= 0, isReversible(handle) else { return WordBoundaries(joined: true) }
    var boundaries = WordBoundaries(joined: false)
    for id in 0..<csp_vocabulary_size(handle) { boundaries.add(bytes(of: id, in: handle)) }
    return boundaries
  }

  /// A piece as it is in texts, with spaces for U+2581.
  ///
  /// Of bytes, because in a string U+2581 and an accent after it are one character.
  static func withPlainSpaces(_ piece: some Sequence<UInt8>) -> [UInt8] {
    var plain: [UInt8] = []
    for byte in piece {
      plain.append(byte)
      if plain.suffix(3) == [0xE2, 0x96, 0x81] { plain.replaceSubrange((plain.count - 3)..., with: [0x20]) }
    }
    return plain
  }

  private static func isReversible(_ handle: OpaquePointer) -> Bool {
    let probe = "a  b \u{FB01} e\u{301}\u{E9} \u{FF21}\u{3000}\n\n c "
    var ids: UnsafeMutablePointer<Int32>?
    var text: UnsafeMutablePointer<CChar>?
    var error: UnsafeMutablePointer<CChar>?
    defer {
      csp_free(ids)
      csp_free(text)
      csp_free(error)
    }
    let count = csp_encode(handle, probe, probe.utf8.count, &ids, &error)
    guard count > 0, let ids else { return false }
    let length = csp_decode(handle, ids, Int(count), &text, &error)
    guard length >= 0, let text else { return false }
    // The library hides the space that it adds in front, so the first piece is looked at too.
    var first = 0
    let piece = csp_piece(handle, ids[0], &first)
    let startsPlainly = first > 0 && piece[0] != CChar(bitPattern: 0xE2)
    return startsPlainly && UnsafeRawBufferPointer(start: text, count: Int(length)).elementsEqual(probe.utf8)
  }
}

/// Takes the message out of an error of the library and frees it.
private func message(of error: UnsafeMutablePointer<CChar>?) -> String {
  guard let error else { return "unknown error" }
  defer { csp_free(error) }
  return String(cString: error)
}
