/// Where the text of a JSON object is: under a key such as `text`, or below one, such as `meta.text`.
struct JSONField {
  /// The key as the recipe names it.
  let name: String

  /// For each level of objects the rest of the path as one key, and its first key.
  private let levels: [(whole: [UInt8], first: [UInt8])]

  init(_ name: String) {
    self.name = name
    let keys = name.split(separator: ".", omittingEmptySubsequences: false)
    levels = keys.indices.map { (Array(keys[$0...].joined(separator: ".").utf8), Array(keys[$0].utf8)) }
  }

  /// What stands under a key.
  private enum Value {
    case string(Range<Int>)
    case other(String)
  }

  /// Reads the text of a line that is an object.
  func text(in line: ArraySlice<UInt8>) throws(JSONFault) -> (text: [UInt8], isRepaired: Bool) {
    var scanner = JSONScanner(line)
    let text = try text(in: &scanner, "line")
    scanner.skipBlank()
    guard scanner.next == nil else {
      throw JSONFault(
        problem: "The line is not well-formed JSON: more follows after its object.", offset: scanner.position)
    }
    return text
  }

  /// Reads the text of the object that comes next, and passes over it whole.
  ///
  /// - Parameter what: What should be an object, for messages.
  func text(
    in scanner: inout JSONScanner, _ what: String
  ) throws(JSONFault) -> (text: [UInt8], isRepaired: Bool) {
    scanner.skipBlank()
    let start = scanner.position
    guard scanner.next == UInt8(ascii: "{") else {
      try scanner.skipValue()
      throw JSONFault(
        problem: "The \(what) is not an object of JSON with the key '\(name.printable)'.", offset: start)
    }
    switch try find(0, in: &scanner) {
    case .string(let range): return try scanner.text(at: range)
    case .other(let kind):
      throw JSONFault(problem: "The value of '\(name.printable)' is \(kind), not a string.", offset: start)
    case nil:
      var again = JSONScanner(scanner.bytes[start...])
      let keys = try keys(0, "", in: &again).prefix(10).map { "'\($0.printable)'" }.joined(separator: ", ")
      throw JSONFault(
        problem: "The object has no key '\(name.printable)', but \(keys.isEmpty ? "none at all" : keys); "
          + "'field' in the recipe names the key of the text.", offset: start)
    }
  }

  /// Finds the value in an object that is some levels down; the whole path as a key comes before a path of keys, and of
  /// equal keys the last.
  private func find(_ level: Int, in scanner: inout JSONScanner) throws(JSONFault) -> Value? {
    var whole: Value?
    var nested: Value?
    try scanner.members { (scanner, key) throws(JSONFault) in
      if scanner.isKey(key, levels[level].whole) {
        whole = try value(in: &scanner)
      } else if level + 1 < levels.count, scanner.next == UInt8(ascii: "{"),
        scanner.isKey(key, levels[level].first)
      {
        nested = try find(level + 1, in: &scanner)
      } else {
        try scanner.skipValue()
      }
    }
    return whole ?? nested
  }

  private func value(in scanner: inout JSONScanner) throws(JSONFault) -> Value {
    let kind: String
    switch scanner.next {
    case UInt8(ascii: "\""): return .string(try scanner.skipString())
    case UInt8(ascii: "{"): kind = "an object"
    case UInt8(ascii: "["): kind = "a list"
    case UInt8(ascii: "n"): kind = "null"
    default: kind = "a number or word"
    }
    try scanner.skipValue()
    return .other(kind)
  }

  /// The keys of an object, with those of the objects that the path leads into.
  private func keys(_ level: Int, _ above: String, in scanner: inout JSONScanner) throws(JSONFault) -> [String] {
    var keys: [String] = []
    try scanner.members { (scanner, key) throws(JSONFault) in
      let name = above + String(decoding: scanner.bytes[key], as: UTF8.self)
      if level + 1 < levels.count, scanner.next == UInt8(ascii: "{"), scanner.isKey(key, levels[level].first) {
        keys += try self.keys(level + 1, name + ".", in: &scanner)
      } else {
        keys.append(name)
        try scanner.skipValue()
      }
    }
    return keys
  }
}
