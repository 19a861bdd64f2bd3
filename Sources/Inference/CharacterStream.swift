/// Turns bytes that come in pieces into text: a character that is not whole yet is held back.
package struct CharacterStream {
  private var held: [UInt8] = []

  /// Begins with nothing held back.
  package init() {}

  /// Takes bytes and returns the text that has become whole; what is no UTF-8 becomes U+FFFD.
  package mutating func take(_ bytes: [UInt8]) -> String {
    held += bytes
    let whole = held.count - unfinished
    defer { held.removeFirst(whole) }
    return String(decoding: held[..<whole], as: UTF8.self)
  }

  /// The end of the text, whatever was held back.
  package mutating func finish() -> String {
    defer { held = [] }
    return String(decoding: held, as: UTF8.self)
  }

  /// The bytes at the end that begin a character and do not complete it.
  private var unfinished: Int {
    for count in 1...3 where count <= held.count {
      let byte = held[held.count - count]
      if byte & 0xC0 == 0x80 { continue }
      let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
      return count < length ? count : 0
    }
    return 0
  }
}
