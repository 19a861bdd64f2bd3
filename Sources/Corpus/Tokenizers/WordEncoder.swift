import Foundation
import Storage

/// Encodes texts word by word.
///
/// Words are cut only where no piece crosses, so the tokens are those of the whole text. Those of short words, which
/// repeat, are remembered in a table of fixed size; others come from ``BytePairMerging`` or, if the model is not of its
/// kind or the word is long, from the library.
final class WordEncoder {
  private let model: SentencePieceModel
  private let merging: BytePairMerging?
  private let memory = WordMemory()

  /// The ids of the last text.
  private var ids = UnsafeMutablePointer<Int32>.allocate(capacity: 1 << 12)
  private var capacity = 1 << 12

  init(_ model: SentencePieceModel) {
    self.model = model
    merging = model.merging
  }

  deinit { ids.deallocate() }

  /// Encodes valid UTF-8 text.
  ///
  /// - Returns: The ids, which are there until the next call. There is room for one more.
  /// - Throws: `Failure(.internalError)` with the library's message.
  func encode(_ text: UnsafeRawBufferPointer) throws -> UnsafeMutableBufferPointer<Int32> {
    var count = 0
    var word = 0
    for start in stride(from: 0, to: text.count - 1, by: 64) {
      var ends = model.boundaries.ends(in: text, from: start, count: min(64, text.count - 1 - start))
      while ends != 0 {
        let end = start + ends.trailingZeroBitCount + 1
        ends &= ends &- 1
        try encode(word..<end, of: text, &count)
        word = end
      }
    }
    if word < text.count { try encode(word..<text.count, of: text, &count) }
    reserve(count + 1)
    return UnsafeMutableBufferPointer(start: ids, count: count)
  }

  /// Appends the ids of a word.
  @inline(__always)
  private func encode(_ word: Range<Int>, of text: UnsafeRawBufferPointer, _ count: inout Int) throws {
    reserve(count + BytePairMerging.longestWord + 1)
    guard word.count <= WordMemory.longestWord else { return try encodeLong(word, of: text, &count) }
    let key = WordMemory.Key(text, word.lowerBound, word.count)
    let found = memory.copy(key, to: ids + count)
    count += found
    if found == 0 { try encodeNew(word, of: text, key, &count) }
  }

  /// Appends the ids of a short word that is not remembered, and remembers it.
  @inline(never)
  private func encodeNew(
    _ word: Range<Int>, of text: UnsafeRawBufferPointer, _ key: WordMemory.Key, _ count: inout Int
  ) throws {
    let before = count
    try encode(text[word], &count)
    memory.insert(key, UnsafeBufferPointer(start: ids + before, count: count - before))
  }

  /// Appends the ids of a word that is too long to be remembered, and perhaps too long for the library.
  @inline(never)
  private func encodeLong(_ word: Range<Int>, of text: UnsafeRawBufferPointer, _ count: inout Int) throws {
    var rest = word
    while let cut = model.boundaries.cut(rest, of: text) {
      try encode(text[rest.lowerBound..<cut], &count)
      rest = cut..<rest.upperBound
    }
    try encode(text[rest], &count)
  }

  /// Appends the ids of a word: those that pieces merge into, or, of long words and other models, the library's.
  private func encode(_ word: Slice<UnsafeRawBufferPointer>, _ count: inout Int) throws {
    reserve(count + BytePairMerging.longestWord + 1)
    if let merging, word.count <= BytePairMerging.longestWord {
      count += merging.encode(UnsafeRawBufferPointer(rebasing: word), into: ids + count)
      return
    }
    var tokens: [Int32] = []
    try model.encode(word, into: &tokens)
    reserve(count + tokens.count)
    (ids + count).update(from: tokens, count: tokens.count)
    count += tokens.count
  }

  @inline(__always)
  private func reserve(_ wanted: Int) {
    if wanted > capacity { grow(wanted) }
  }

  private func grow(_ wanted: Int) {
    let larger = max(wanted, 2 * capacity)
    let copy = UnsafeMutablePointer<Int32>.allocate(capacity: larger)
    copy.update(from: ids, count: capacity)
    ids.deallocate()
    (ids, capacity) = (copy, larger)
  }
}

/// The ids of short words that were met lately: a table of sets of two, of 8 MiB.
private final class WordMemory {
  /// Longer words do not repeat.
  static let longestWord = 16

  /// Words of more ids are not remembered.
  private static let mostIDs = 11

  private static let sets = 1 << 16

  /// A word: its bytes, with zeros behind them.
  struct Key: Equatable {
    let low, high: UInt64
    let length: UInt8

    @inline(__always)
    init(_ text: UnsafeRawBufferPointer, _ start: Int, _ length: Int) {
      var words: (UInt64, UInt64) = (0, 0)
      if start + 16 <= text.count {
        words.0 = text.loadUnaligned(fromByteOffset: start, as: UInt64.self)
        words.1 = text.loadUnaligned(fromByteOffset: start + 8, as: UInt64.self)
        let bits = UInt64(8 * length)
        if length < 8 {
          words = (words.0 & ((1 << bits) &- 1), 0)
        } else if length < 16 {
          words.1 &= (1 << (bits - 64)) &- 1
        }
      } else {
        let word = UnsafeRawBufferPointer(rebasing: text[start..<start + length])
        withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: word) }
      }
      (low, high, self.length) = (words.0, words.1, UInt8(length))
    }

    fileprivate var set: Int {
      var hash = (low ^ (high &* 0xC2B2_AE3D_27D4_EB4F) ^ UInt64(length)) &* 0x9E37_79B9_7F4A_7C15
      hash ^= hash >> 32
      hash = hash &* 0xD6E8_FEB8_6659_FD93
      return Int(truncatingIfNeeded: hash >> 40) & (WordMemory.sets - 1)
    }
  }

  /// A word with its ids: a cache line.
  private struct Entry {
    var low: UInt64 = 0, high: UInt64 = 0
    var ids = InlineArray<11, Int32>(repeating: 0)
    var length: UInt8 = 0
    var count: UInt8 = 0
  }

  private let memory: UnsafeMutableRawPointer
  private let entries: UnsafeMutablePointer<Entry>

  init() {
    // Zeros from the system take no memory before they are written to; an encoder may see few words only.
    guard let memory = calloc(2 * Self.sets + 1, MemoryLayout<Entry>.stride) else { preconditionFailure("no memory") }
    self.memory = memory
    entries = memory.alignedUp(toMultipleOf: 64).bindMemory(to: Entry.self, capacity: 2 * Self.sets)
  }

  deinit { free(memory) }

  /// Copies the ids of a word, with some more behind them; returns their number, 0 if the word is not there.
  @inline(__always)
  func copy(_ key: Key, to ids: UnsafeMutablePointer<Int32>) -> Int {
    var entry = entries + 2 * key.set
    if !Self.holds(entry, key) {
      entry += 1
      guard Self.holds(entry, key) else { return 0 }
    }
    // All at once: a copy of fixed size is a few instructions.
    UnsafeMutableRawPointer(ids).copyMemory(
      from: UnsafeRawPointer(entry) + MemoryLayout<Entry>.offset(of: \.ids)!, byteCount: 4 * Self.mostIDs)
    return Int(entry.pointee.count)
  }

  @inline(__always)
  private static func holds(_ entry: UnsafeMutablePointer<Entry>, _ key: Key) -> Bool {
    entry.pointee.low == key.low && entry.pointee.high == key.high && entry.pointee.length == key.length
  }

  /// Remembers a word in the place of the older one of its set.
  func insert(_ key: Key, _ ids: UnsafeBufferPointer<Int32>) {
    guard ids.count <= Self.mostIDs else { return }
    let set = entries + 2 * key.set
    set[1] = set[0]
    var entry = Entry(low: key.low, high: key.high, length: key.length, count: UInt8(ids.count))
    for place in ids.indices { entry.ids[place] = ids[place] }
    set[0] = entry
  }
}
