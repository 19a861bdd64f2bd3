import Foundation
import Storage

/// The checksum by which texts are compared: that of a normal form.
///
/// Lines end with a line feed and not with white space; there are no blank lines at the beginning and no white space or
/// byte order mark at the ends; letters with accents after them, kana with marks after them and parts of Hangul
/// syllables are composed (Unicode NFC). Everything else counts.
enum TextIdentity {
  /// The checksum of the normal form of a text in well-formed UTF-8.
  static func digest(of text: [UInt8]) -> Checksum.Digest {
    text.withUnsafeBytes { text in
      let body = trimmed(text[...])
      let change = firstChange(in: body)
      guard change.lines || change.characters else {
        return Checksum.digest(of: UnsafeRawBufferPointer(rebasing: body))
      }
      var normal = change.lines ? withPlainLines(body) : Array(body)
      if change.characters {
        normal = Array(String(decoding: normal, as: UTF8.self).precomposedStringWithCanonicalMapping.utf8)
      }
      return Checksum.digest(of: normal)
    }
  }

  private static func trimmed(_ text: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
    var body = text
    if body.starts(with: [0xEF, 0xBB, 0xBF]) { body = body.dropFirst(3) }
    while let last = body.last, TextRepair.isBlank(last) { body.removeLast() }
    let first = body.firstIndex { !TextRepair.isBlank($0) } ?? body.endIndex
    // The indentation of the first line stays.
    let line = body[..<first].lastIndex { $0 == 0x0A || $0 == 0x0D }
    return body[(line.map { $0 + 1 } ?? body.startIndex)...]
  }

  /// Whether lines end in another way than in the normal form, and whether there may be characters to compose.
  private static func firstChange(in body: Slice<UnsafeRawBufferPointer>) -> (lines: Bool, characters: Bool) {
    let bytes = UnsafeRawBufferPointer(rebasing: body)
    var lines = false
    var characters = false
    var before: UInt8 = 0
    var beforeThat: UInt8 = 0
    var place = 0
    while place < bytes.count {
      // Eight bytes from the space to the tilde or U+007F, as most are, change nothing.
      if place + 8 <= bytes.count {
        let eight = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
        if (eight | (eight &- 0x2020_2020_2020_2020)) & 0x8080_8080_8080_8080 == 0 {
          place += 8
          (beforeThat, before) = (bytes[place - 2], bytes[place - 1])
          continue
        }
      }
      let byte = bytes[place]
      place += 1
      if byte < 0x20 {
        lines = lines || byte == 0x0D || (byte == 0x0A && before != 0x0A && TextRepair.isBlank(before))
      } else if byte >= 0x80 {
        // U+0300 to U+037F, U+1100 to U+11FF, and U+3099 and U+309A.
        characters =
          characters || byte == 0xCC || byte == 0xCD || (before == 0xE1 && (0x84...0x87).contains(byte))
          || (beforeThat == 0xE3 && before == 0x82 && (byte == 0x99 || byte == 0x9A))
      }
      beforeThat = before
      before = byte
    }
    return (lines, characters)
  }

  private static func withPlainLines(_ body: Slice<UnsafeRawBufferPointer>) -> [UInt8] {
    var lines: [UInt8] = []
    lines.reserveCapacity(body.count)
    var before: UInt8 = 0
    for byte in body {
      defer { before = byte }
      guard byte == 0x0A || byte == 0x0D else {
        lines.append(byte)
        continue
      }
      if byte == 0x0A, before == 0x0D { continue }
      while let last = lines.last, last != 0x0A, TextRepair.isBlank(last) { lines.removeLast() }
      lines.append(0x0A)
    }
    return lines
  }
}
