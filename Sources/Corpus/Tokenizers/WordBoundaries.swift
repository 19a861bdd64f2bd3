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

  /// Finds where words end among up to 64 bytes: bit `i` is set if one ends with the byte at `start + i`.
  ///
  /// - Precondition: there is a byte behind them.
  @inline(__always)
  func ends(in text: UnsafeRawBufferPointer, from start: Int, count: Int) -> UInt64 {
    areJoined.withUnsafeBufferPointer { areJoined in
      var ends: UInt64 = 0
      var before = Int(text[start])
      // Without a branch: where words end cannot be predicted.
      for place in 0..<count {
        let byte = Int(text[start + place + 1])
        let isJoined = areJoined[4 * before + (byte &>> 6)] &>> UInt64(byte & 63) & 1
        ends |= (isJoined ^ 1) &<< UInt64(place)
        before = byte
      }
      return ends
    }
  }

  /// Where a word that is too long for the library is cut, at the end of a character; nil if it is not too long.
  func cut(_ word: Range<Int>, of text: UnsafeRawBufferPointer) -> Int? {
    guard word.count > WordBoundaries.maximumWord else { return nil }
    var place = word.lowerBound + WordBoundaries.maximumWord
    while place < word.upperBound, text[place] & 0xC0 == 0x80 { place += 1 }
    return place < word.upperBound ? place : nil
  }
}
