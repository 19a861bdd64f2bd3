/// The byte-pair encoding of a SentencePiece model for short words, without the library, whose calls cost more than the
/// work: of all neighbours that make a piece, those of the highest score are joined, from the left, until none are
/// left.
///
/// It gives the ids of the library, and is only there for models of which that is certain.
package struct BytePairMerging {
  /// Longer words are left to the library: here the time grows with the square.
  package static let longestWord = 64

  /// The piece of each single byte.
  private var bytePieces = [Int32](repeating: 0, count: 256)
  /// The piece of each ASCII character, -1 if there is none.
  private var ascii = [Int32](repeating: -1, count: 128)
  /// The pieces of other characters, by their UTF-8.
  private var characters: IntegerTable
  /// What two pieces make, by their ids; the rank of their score, 0 for the highest, is in the upper half of the value.
  private var pairs: IntegerTable

  /// Reads the pieces of a model; nil if it changes text, has no bytes, or has pieces that are not made of pairs.
  package init?(_ content: [UInt8]) {
    guard let table = PieceTable(content), table.algorithm == .bytePair else { return nil }
    let changes = table.changes
    guard !changes.normalizes, !changes.addsSpaceInFront, !changes.removesSpaces, changes.escapesSpaces else {
      return nil
    }
    let kinds = table.pieces.map(\.kind)
    guard kinds.count(where: { $0 == .byte }) == 256, !kinds.contains(.unused), !kinds.contains(.userDefined) else {
      return nil
    }
    let normal = table.pieces.indices.filter { kinds[$0] == .normal }
    let texts = normal.map { SentencePieceModel.withPlainSpaces(table.pieces[$0].text) }
    var ids: [[UInt8]: Int32] = [:]
    for (id, text) in zip(normal, texts) {
      guard !text.isEmpty, ids.updateValue(Int32(id), forKey: text) == nil else { return nil }
    }
    let scores = Set(normal.map { table.pieces[$0].score }).sorted(by: >)
    guard !scores.contains(where: \.isNaN) else { return nil }
    let ranks = Dictionary(uniqueKeysWithValues: scores.enumerated().map { ($1, UInt64($0)) })

    var (characters, pairs) = (IntegerTable(), IntegerTable())
    for (id, text) in zip(normal, texts) {
      let starts = text.indices.filter { text[$0] & 0xC0 != 0x80 }
      // A pair is known by its pieces, so every character has to be one.
      for (start, end) in zip(starts, starts.dropFirst() + [text.count]) {
        guard let character = ids[Array(text[start..<end])] else { return nil }
        if end - start == 1 {
          ascii[Int(text[start])] = character
        } else {
          characters[text[start..<end].reduce(0) { $0 << 8 | UInt64($1) }] = UInt64(character)
        }
      }
      for cut in starts.dropFirst() {
        guard let left = ids[Array(text[..<cut])], let right = ids[Array(text[cut...])] else { continue }
        pairs[UInt64(left) << 32 | UInt64(right)] = ranks[table.pieces[id].score]! << 32 | UInt64(id)
      }
    }
    (self.characters, self.pairs) = (characters, pairs)
    for byte in 0...255 {
      let digits = String(byte, radix: 16, uppercase: true)
      let name = Array("<0x\(byte < 16 ? "0" : "")\(digits)>".utf8)
      guard let id = table.pieces.firstIndex(where: { $0.kind == .byte && $0.text == name }) else { return nil }
      bytePieces[byte] = Int32(id)
    }
  }

  /// Encodes a word of valid UTF-8.
  ///
  /// - Precondition: It has at most ``longestWord`` bytes, and there is room for as many ids.
  /// - Returns: The number of ids.
  package func encode(_ word: UnsafeRawBufferPointer, into ids: UnsafeMutablePointer<Int32>) -> Int {
    withUnsafeTemporaryAllocation(of: Symbol.self, capacity: Self.longestWord) { symbols in
      var count = split(word, into: symbols)
      for place in 0..<max(count - 1, 0) { symbols[place].pair = pair(symbols[place].id, symbols[place + 1].id) }
      while true {
        var best = UInt64.max
        var place = 0
        for candidate in 0..<max(count - 1, 0) where symbols[candidate].pair >> 32 < best >> 32 {
          best = symbols[candidate].pair
          place = candidate
        }
        guard best != .max else { break }
        symbols[place].id = Int32(truncatingIfNeeded: best)
        for moved in place + 1..<count - 1 { symbols[moved] = symbols[moved + 1] }
        count -= 1
        symbols[place].pair = place + 1 < count ? pair(symbols[place].id, symbols[place + 1].id) : .max
        if place > 0 { symbols[place - 1].pair = pair(symbols[place - 1].id, symbols[place].id) }
      }
      return write(symbols, count, of: word, into: ids)
    }
  }

  /// A piece of a word, and what it makes with the next: rank and id, or all ones for nothing.
  private struct Symbol {
    /// -1 for a character without a piece.
    var id: Int32
    /// Where it begins in the word.
    var start: Int32
    var pair: UInt64
  }

  /// Makes a symbol of each character.
  private func split(_ word: UnsafeRawBufferPointer, into symbols: UnsafeMutableBufferPointer<Symbol>) -> Int {
    var count = 0
    var place = 0
    while place < word.count {
      let start = place
      var key = UInt64(word[place])
      place += 1
      while place < word.count, word[place] & 0xC0 == 0x80 {
        key = key << 8 | UInt64(word[place])
        place += 1
      }
      let id = place - start == 1 ? ascii[Int(key & 0x7F)] : characters[key].map { Int32($0) } ?? -1
      symbols.initializeElement(at: count, to: Symbol(id: id, start: Int32(start), pair: .max))
      count += 1
    }
    return count
  }

  private func pair(_ left: Int32, _ right: Int32) -> UInt64 {
    guard left >= 0, right >= 0 else { return .max }
    return pairs[UInt64(left) << 32 | UInt64(right)] ?? .max
  }

  private func write(
    _ symbols: UnsafeMutableBufferPointer<Symbol>, _ count: Int, of word: UnsafeRawBufferPointer,
    into ids: UnsafeMutablePointer<Int32>
  ) -> Int {
    var written = 0
    for place in 0..<count {
      if symbols[place].id >= 0 {
        ids[written] = symbols[place].id
        written += 1
        continue
      }
      let end = place + 1 < count ? Int(symbols[place + 1].start) : word.count
      for byte in Int(symbols[place].start)..<end {
        ids[written] = bytePieces[Int(word[byte])]
        written += 1
      }
    }
    return written
  }
}

/// A hash table of integers with linear probing, never more than half full; no key is all ones.
private struct IntegerTable {
  private struct Slot {
    var key = UInt64.max
    var value: UInt64 = 0
  }

  private var slots = [Slot](repeating: Slot(), count: 1 << 10)
  private var count = 0

  private func place(of key: UInt64) -> Int {
    var hash = key &* 0x9E37_79B9_7F4A_7C15
    hash ^= hash >> 32
    var place = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while slots[place].key != key, slots[place].key != .max { place = (place + 1) & (slots.count - 1) }
    return place
  }

  subscript(key: UInt64) -> UInt64? {
    get {
      let slot = slots[place(of: key)]
      return slot.key == key ? slot.value : nil
    }
    set {
      let place = place(of: key)
      if slots[place].key == .max {
        count += 1
        slots[place].key = key
      }
      slots[place].value = newValue!
      guard 2 * count > slots.count else { return }
      let old = slots
      slots = [Slot](repeating: Slot(), count: 2 * old.count)
      for slot in old where slot.key != .max { slots[self.place(of: slot.key)] = slot }
    }
  }
}
