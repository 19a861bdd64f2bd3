/// Places where a text may be cut so that the tokens of the parts are those of the whole: between two bytes that are
/// neighbours in no piece.
struct WordBoundaries {
  /// A bit for each pair of bytes, at 256 times the one plus the other: whether no cut lies between them. Characters
  /// stay whole, even those that only bytes can spell.
  private var areJoined: [UInt64]

  /// The library's time and memory grow faster than the text, so it never sees more than about this many bytes.
  private static let maximumWord = 1 << 16

  /// Boundaries of a model whose pieces are not added yet, or, if `joined`, of one that must not be cut anywhere.
  init(joined: Bool) {
    areJoined = [UInt64](repeating: joined ? .max : 0, count: 1 << 10)
    // The third of the four words of each first byte is that of the second bytes 0x80 to 0xBF.
    for first in 0...255 { areJoined[4 * first + 2] = .max }
  }

  /// Takes a piece into account, with plain spaces.
  mutating func add(_ piece: some Sequence<UInt8>) {
    for (first, second) in zip(piece, piece.dropFirst()) {
      areJoined[4 * Int(first) + Int(second >> 6)] |= 1 << UInt64(second & 63)
    }
  }

  /// The end of the word that begins at a place: the first boundary, or for endless words a character's end.
  @inline(__always)
  func end(ofWordAt start: Int, in text: UnsafeRawBufferPointer) -> Int {
    areJoined.withUnsafeBufferPointer { areJoined in
      let end = min(text.count, start + WordBoundaries.maximumWord)
      var before = text[start]
      var place = start + 1
      while place < end {
        let byte = text[place]
        if areJoined[4 * Int(before) + Int(byte >> 6)] >> UInt64(byte & 63) & 1 == 0 { return place }
        before = byte
        place += 1
      }
      while place < text.count, text[place] & 0xC0 == 0x80 { place += 1 }
      return place
    }
  }
}
