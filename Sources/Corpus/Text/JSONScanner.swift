/// Why JSON gives no text: a whole sentence, and where in the bytes.
struct JSONFault: Error {
  let problem: String
  let offset: Int
  /// Whether there was nothing wrong up to the end, where something is missing.
  var isAtEnd = false
}

/// Walks through one JSON value without building it.
///
/// What is passed over need not be valid beyond its nesting and its quotes: `NaN`, `Infinity`, numbers of any size and
/// text in any encoding are no matter.
struct JSONScanner {
  let bytes: ArraySlice<UInt8>
  private(set) var position: Int

  /// Values that are passed over may be nested this deep.
  private static let maximumDepth = 10_000

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    position = bytes.startIndex
  }

  /// Whether bytes are one object that is not empty, or, if `isCutOff`, the beginning of one.
  static func isObject(_ bytes: ArraySlice<UInt8>, isCutOff: Bool) -> Bool {
    accepts(bytes, isCutOff: isCutOff) { scanner throws(JSONFault) in
      var isEmpty = true
      try scanner.members { (scanner, _) throws(JSONFault) in
        isEmpty = false
        try scanner.skipValue()
      }
      return !isEmpty
    }
  }

  /// Whether bytes are an array of objects that is not empty, or, if `isCutOff`, the beginning of one.
  static func isArrayOfObjects(_ bytes: ArraySlice<UInt8>, isCutOff: Bool) -> Bool {
    accepts(bytes, isCutOff: isCutOff) { scanner throws(JSONFault) in
      guard scanner.skip("[") else { return false }
      repeat {
        try scanner.members { (scanner, _) throws(JSONFault) in try scanner.skipValue() }
      } while scanner.skip(",")
      guard scanner.skip("]") else { throw scanner.fault("a comma or ']' has to come here") }
      return true
    }
  }

  /// Whether a scan accepts all of the bytes; where it runs out of bytes, it accepts those that are cut off.
  private static func accepts(
    _ bytes: ArraySlice<UInt8>, isCutOff: Bool, _ scan: (inout JSONScanner) throws(JSONFault) -> Bool
  ) -> Bool {
    var scanner = JSONScanner(bytes)
    do throws(JSONFault) {
      guard try scan(&scanner) else { return false }
      scanner.skipBlank()
      return scanner.next == nil
    } catch {
      return isCutOff && error.isAtEnd
    }
  }

  /// The next byte, nil at the end.
  var next: UInt8? { position < bytes.endIndex ? bytes[position] : nil }

  mutating func skipBlank() {
    while position < bytes.endIndex, TextRepair.isBlank(bytes[position]) { position += 1 }
  }

  /// Passes over a byte if it comes next after white space.
  mutating func skip(_ character: Unicode.Scalar) -> Bool {
    skipBlank()
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private func fault(_ problem: String, at offset: Int? = nil) -> JSONFault {
    JSONFault(
      problem: "This is not well-formed JSON: \(problem).", offset: offset ?? position,
      isAtEnd: offset == nil && next == nil)
  }

  /// Reads the members of an object one by one; the body has to pass over the value.
  ///
  /// - Parameter body: Gets the scanner and where the key stands between its quotes.
  mutating func members(
    _ body: (inout JSONScanner, _ key: Range<Int>) throws(JSONFault) -> Void
  ) throws(JSONFault) {
    guard skip("{") else { throw fault("an object has to begin with '{'") }
    if skip("}") { return }
    repeat {
      skipBlank()
      guard next == UInt8(ascii: "\"") else { throw fault("a key in quotes has to come here") }
      let key = try skipString()
      guard skip(":") else { throw fault("a colon has to follow the key") }
      skipBlank()
      try body(&self, key)
    } while skip(",")
    guard skip("}") else { throw fault("a comma or '}' has to come here") }
  }

  /// Passes over a string and returns where its content stands between the quotes.
  ///
  /// - Precondition: A quote comes next.
  mutating func skipString() throws(JSONFault) -> Range<Int> {
    let start = position + 1
    var end = start
    while end < bytes.endIndex {
      switch bytes[end] {
      case UInt8(ascii: "\""):
        position = end + 1
        return start..<end
      case UInt8(ascii: "\\"): end += 2
      default: end += 1
      }
    }
    position = bytes.endIndex
    throw fault("the text in quotes does not end")
  }

  /// Passes over a value of any kind.
  mutating func skipValue() throws(JSONFault) {
    var open: [UInt8] = []
    repeat {
      skipBlank()
      switch next {
      case UInt8(ascii: "\""): _ = try skipString()
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        guard open.count < JSONScanner.maximumDepth else {
          throw fault("values are nested deeper than \(JSONScanner.maximumDepth) levels")
        }
        open.append(bytes[position])
        position += 1
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        // In ASCII a closing bracket is two after its opening one.
        guard let last = open.popLast(), last + 2 == bytes[position] else {
          throw fault("a bracket closes that was not opened")
        }
        position += 1
      case UInt8(ascii: ","), UInt8(ascii: ":"):
        guard !open.isEmpty else { throw fault("a value has to come here") }
        position += 1
      case nil: throw fault("a value has to come here")
      default: skipWord()
      }
    } while !open.isEmpty
  }

  /// Passes over a number, or `true`, `NaN` and the like.
  private mutating func skipWord() {
    while let byte = next, !TextRepair.isBlank(byte), !JSONScanner.delimiters.contains(byte) { position += 1 }
  }

  private static let delimiters = Array("{}[],:\"".utf8)

  // MARK: - Strings

  /// Whether a key, where it stands between its quotes, is the one wanted.
  func isKey(_ range: Range<Int>, _ name: [UInt8]) -> Bool {
    let key = bytes[range]
    if key.elementsEqual(name) { return true }
    guard key.contains(UInt8(ascii: "\\")), let text = try? text(at: range).text else { return false }
    return text == name
  }

  /// The text of a string, and whether something was replaced in it by U+FFFD: half a surrogate pair, or bytes that are
  /// not UTF-8.
  ///
  /// - Throws: `Fault` for an escape or a character that cannot be there.
  func text(at range: Range<Int>) throws(JSONFault) -> (text: [UInt8], isRepaired: Bool) {
    var text: [UInt8] = []
    text.reserveCapacity(range.count)
    var isRepaired = false
    var place = range.lowerBound
    while place < range.upperBound {
      let plain = bytes[place..<range.upperBound].prefix { $0 != UInt8(ascii: "\\") }
      if let control = plain.firstIndex(where: { $0 < 0x20 }) {
        throw fault("the control character \(bytes[control]) in text has to be escaped", at: control)
      }
      text.append(contentsOf: plain)
      place = plain.endIndex
      guard place < range.upperBound else { break }
      let scalar = try escape(&place, before: range.upperBound)
      isRepaired = isRepaired || scalar == nil
      text.append(contentsOf: UTF8.encode(scalar ?? "\u{FFFD}")!)
    }
    if TextRepair.repair(&text) != nil { isRepaired = true }
    return (text, isRepaired)
  }

  /// Reads an escape from its backslash on; nil for half a surrogate pair.
  private func escape(_ place: inout Int, before end: Int) throws(JSONFault) -> Unicode.Scalar? {
    let start = place
    guard place + 1 < end else { throw fault("a backslash ends the text", at: start) }
    let letter = bytes[place + 1]
    place += 2
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(letter)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      guard let unit = unit(at: place, before: end) else {
        throw fault("four hexadecimal digits have to follow '\\u'", at: start)
      }
      place += 4
      guard UTF16.isLeadSurrogate(unit) else { return Unicode.Scalar(unit) }
      guard place + 1 < end, bytes[place] == UInt8(ascii: "\\"), bytes[place + 1] == UInt8(ascii: "u"),
        let low = self.unit(at: place + 2, before: end), UTF16.isTrailSurrogate(low)
      else { return nil }
      place += 6
      return Unicode.Scalar(0x10000 + (UInt32(unit) & 0x3FF) << 10 + UInt32(low) & 0x3FF)
    default: throw fault("there is no escape with this character after the backslash", at: start)
    }
  }

  private func unit(at place: Int, before end: Int) -> UInt16? {
    guard place + 4 <= end else { return nil }
    var unit: UInt16 = 0
    for byte in bytes[place..<place + 4] {
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else { return nil }
      unit = unit << 4 | UInt16(digit)
    }
    return unit
  }
}
