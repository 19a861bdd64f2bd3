internal import CSentencePiece
import Configuration

/// A loaded SentencePiece model.
final class SentencePieceModel: @unchecked Sendable {
  /// The content of the `.model` file.
  let content: [UInt8]
  let vocabularySize: Int
  let endOfSentence: Int32

  private let handle: OpaquePointer

  /// The byte pieces of U+2581, if the model has byte pieces.
  ///
  /// SentencePiece writes a space as this character, so where it stands in a text it would come back as a space;
  /// spelt in bytes it survives.
  private let spaceSymbol: [Int32]?

  /// Loads a model from the content of its file.
  ///
  /// - Throws: `Failure(.badData)` if it is no model or has no piece that ends a sentence.
  init(_ content: [UInt8], named name: String) throws {
    var error: UnsafeMutablePointer<CChar>?
    guard let handle = content.withUnsafeBytes({ csp_load($0.baseAddress, $0.count, &error) })
    else {
      throw Failure(.badData, "\(name) cannot be loaded as a SentencePiece model: \(message(of: error)).")
    }
    self.content = content
    self.handle = handle
    vocabularySize = Int(csp_vocabulary_size(handle))
    endOfSentence = csp_end_of_sentence(handle)
    let bytes = "\u{2581}".utf8.map { csp_byte_piece(handle, $0) }
    spaceSymbol = bytes.contains(-1) ? nil : bytes
    guard endOfSentence >= 0 else {
      throw Failure(
        .badData, "\(name) has no piece that ends a sentence, which closes documents here; train it with an eos_id.")
    }
  }

  deinit { csp_unload(handle) }

  /// Encodes valid UTF-8 text.
  ///
  /// - Throws: `Failure(.internalError)` with the library's message.
  func encode(_ text: UnsafeRawBufferPointer) throws -> [Int32] {
    var tokens: [Int32] = []
    tokens.reserveCapacity(text.count / 3)
    var rest = text[...]
    while !rest.isEmpty {
      let piece = rest.prefix(EncodingChunk.length(of: rest))
      rest = rest[piece.endIndex...]
      try encodeKeepingSpaceSymbols(piece, into: &tokens)
    }
    return tokens
  }

  private func encodeKeepingSpaceSymbols(_ text: Slice<UnsafeRawBufferPointer>, into tokens: inout [Int32]) throws {
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
}

/// Where long texts are cut for encoding.
private enum EncodingChunk {
  /// The library's time and memory grow faster than the text, so it never sees more than about this many bytes.
  static let target = 1 << 16

  /// The length of the next chunk: up to the first space run after the target, since no piece trained here crosses the
  /// beginning of one; or, in text without spaces, up to a character's end.
  static func length(of text: Slice<UnsafeRawBufferPointer>) -> Int {
    guard text.count > 2 * target else { return text.count }
    let start = text.startIndex
    for length in target..<2 * target where text[start + length] == 0x20 && text[start + length - 1] != 0x20 {
      return length
    }
    var length = target
    while text[start + length] & 0xC0 == 0x80 { length += 1 }
    return length
  }
}

/// Takes the message out of an error of the library and frees it.
private func message(of error: UnsafeMutablePointer<CChar>?) -> String {
  guard let error else { return "unknown error" }
  defer { csp_free(error) }
  return String(cString: error)
}
