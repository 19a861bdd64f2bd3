import Foundation
import Storage

/// Places where a text may be cut so that the tokens of the parts are those of the whole: between two bytes that are
/// neighbours in no piece.
struct WordBoundaries {
  /// Whether some piece has a byte followed by another, at 256 times the one plus the other.
  private var areJoined: [Bool]

  /// The library's time and memory grow faster than the text, so it never sees more than about this many bytes.
  private static let maximumWord = 1 << 16

  /// Boundaries of a model whose pieces are not added yet, or, if `joined`, of one that must not be cut anywhere.
  init(joined: Bool) { areJoined = [Bool](repeating: joined, count: 1 << 16) }

  /// Takes a piece into account, with plain spaces.
  mutating func add(_ piece: some Sequence<UInt8>) {
    for (first, second) in zip(piece, piece.dropFirst()) { areJoined[Int(first) << 8 | Int(second)] = true }
  }

  /// The length of the first word: up to the first boundary, or for endless words up to a character's end.
  func wordLength(of text: Slice<UnsafeRawBufferPointer>) -> Int {
    let end = min(text.count, WordBoundaries.maximumWord)
    var before = text[text.startIndex]
    var length = 1
    while length < end {
      let byte = text[text.startIndex + length]
      // Characters stay whole, even those that only bytes can spell.
      if byte & 0xC0 != 0x80, !areJoined[Int(before) << 8 | Int(byte)] { return length }
      before = byte
      length += 1
    }
    while length < text.count, text[text.startIndex + length] & 0xC0 == 0x80 { length += 1 }
    return length
  }
}

/// Encodes texts word by word and asks the model for each word once.
///
/// Words of ordinary text repeat so much that this is an order of magnitude faster than the library; the tokens are the
/// same, since words are cut only where no piece crosses.
struct WordEncoder {
  /// A word that was encoded, as ranges of `words` and `ids`.
  private struct Entry {
    let hash: UInt64
    let word: Range<Int32>
    let ids: Range<Int32>
  }

  private let model: SentencePieceModel
  private var words: [UInt8] = []
  private var ids: [Int32] = []
  private var entries: [Entry] = []

  /// A hash table with linear probing: numbers of entries, -1 where free; never more than half full.
  private var slots = [Int32](repeating: -1, count: 1 << 10)

  /// Longer words do not repeat.
  private static let maximumLength = 64

  /// About 50 MB; text that has more different words gains little from remembering them.
  private static let maximumEntries = 1 << 20

  init(_ model: SentencePieceModel) { self.model = model }

  /// Encodes valid UTF-8 text.
  ///
  /// - Throws: `Failure(.internalError)` with the library's message.
  mutating func encode(_ text: UnsafeRawBufferPointer) throws -> [Int32] {
    var tokens: [Int32] = []
    tokens.reserveCapacity(text.count / 2)
    var rest = text[...]
    while !rest.isEmpty {
      let word = rest.prefix(model.boundaries.wordLength(of: rest))
      rest = rest[word.endIndex...]
      guard word.count <= WordEncoder.maximumLength else {
        try model.encode(word, into: &tokens)
        continue
      }
      let bytes = UnsafeRawBufferPointer(rebasing: word)
      let hash = Checksum.hash(of: bytes)
      var slot = firstSlot(hash)
      while slots[slot] >= 0, !isEntry(slots[slot], hash, bytes) { slot = (slot + 1) & (slots.count - 1) }
      if slots[slot] >= 0 {
        let range = entries[Int(slots[slot])].ids
        tokens.append(contentsOf: ids[Int(range.lowerBound)..<Int(range.upperBound)])
      } else {
        let start = tokens.count
        try model.encode(word, into: &tokens)
        remember(bytes, hash, tokens[start...], slot)
      }
    }
    return tokens
  }

  private func firstSlot(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & (slots.count - 1) }

  private func isEntry(_ number: Int32, _ hash: UInt64, _ word: UnsafeRawBufferPointer) -> Bool {
    let entry = entries[Int(number)]
    guard entry.hash == hash, entry.word.count == word.count else { return false }
    return words.withUnsafeBytes { memcmp($0.baseAddress! + Int(entry.word.lowerBound), word.baseAddress!, word.count) }
      == 0
  }

  private mutating func remember(
    _ word: UnsafeRawBufferPointer, _ hash: UInt64, _ tokens: ArraySlice<Int32>, _ slot: Int
  ) {
    guard entries.count < WordEncoder.maximumEntries else { return }
    let wordStart = Int32(words.count)
    let idStart = Int32(ids.count)
    words.append(contentsOf: word)
    ids.append(contentsOf: tokens)
    slots[slot] = Int32(entries.count)
    entries.append(Entry(hash: hash, word: wordStart..<Int32(words.count), ids: idStart..<Int32(ids.count)))
    if entries.count * 2 > slots.count { grow() }
  }

  private mutating func grow() {
    slots = [Int32](repeating: -1, count: 2 * slots.count)
    for (number, entry) in entries.enumerated() {
      var slot = firstSlot(entry.hash)
      while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
      slots[slot] = Int32(number)
    }
  }
}
