/// Finds documents that are much like a document of a target: texts compared by their sequences of eight words.
///
/// A document is a near copy if half of its sequences are in targets, or half of the sequences of one of a target's
/// documents are in it. Words are runs of letters and digits, whatever the case of ASCII letters; a character of East
/// Asian writing is a word. A document of fewer than eight words is one sequence.
struct NearCopies {
  private static let sequenceLength = 8

  /// Of targets larger than this only a sample of the sequences is looked at, chosen by their hashes, so that the table
  /// stays within caches.
  private static let fullySampledBytes = 1 << 20

  /// A hash table with linear probing, 0 where free, with the first document that has the sequence and the last
  /// compared document in which it was found.
  private var hashes: [UInt64]
  private var owners: [Int32]
  private var lastFound: [Int32]
  /// A bit for each of some classes of hashes, small enough for a core's own cache: most sequences are in no target.
  private var filter = [UInt64](repeating: 0, count: 1 << 16)
  /// For each document of a target, the sequences that no earlier one has.
  private var ownedCounts: [Int] = []
  private let sampleMask: UInt64
  private var compared: Int32 = 0

  /// Takes the documents of targets.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  init(of documents: [PlannedText], in catalogue: Catalogue) throws {
    let bytes = documents.reduce(0) { $0 + Int($1.count) }
    var mask: UInt64 = 0
    while bytes / Int(mask + 1) > NearCopies.fullySampledBytes { mask = mask << 1 | 1 }
    sampleMask = mask
    // No more sequences than words, each of which takes two bytes or is a character of three.
    var capacity = 1 << 10
    while capacity < bytes / Int(mask + 1) { capacity *= 2 }
    hashes = [UInt64](repeating: 0, count: capacity)
    owners = [Int32](repeating: 0, count: capacity)
    lastFound = [Int32](repeating: 0, count: capacity)
    for document in documents {
      let number = Int32(ownedCounts.count)
      ownedCounts.append(0)
      try catalogue.withText(ofBlock: document.block, offset: document.offset, count: Int(document.count)) { text in
        NearCopies.forEachSequence(in: text, mask) { hash in
          let slot = self.slot(of: hash)
          guard hashes[slot] == 0 else { return }
          hashes[slot] = hash
          filter[Self.word(of: hash)] |= Self.bit(of: hash)
          owners[slot] = number
          ownedCounts[Int(number)] += 1
        }
      }
    }
  }

  /// Finds the document of a target that a text is most like, by its number, if it is a near copy.
  mutating func match(_ text: UnsafeRawBufferPointer) -> Int? {
    compared += 1
    var all = 0
    var known = 0
    var found: [Int32: Int] = [:]
    NearCopies.forEachSequence(in: text, sampleMask) { hash in
      all += 1
      guard filter[Self.word(of: hash)] & Self.bit(of: hash) != 0 else { return }
      let slot = self.slot(of: hash)
      guard hashes[slot] != 0 else { return }
      known += 1
      guard lastFound[slot] != compared else { return }
      lastFound[slot] = compared
      found[owners[slot], default: 0] += 1
    }
    guard let most = found.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }) else { return nil }
    if 2 * known >= all { return Int(most.key) }
    return found.filter { 2 * $0.value >= ownedCounts[Int($0.key)] }.keys.min().map { Int($0) }
  }

  private static func word(of hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 6) & ((1 << 16) - 1) }

  private static func bit(of hash: UInt64) -> UInt64 { 1 << (hash & 63) }

  private func slot(of hash: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: hash) & (hashes.count - 1)
    while hashes[slot] != 0, hashes[slot] != hash { slot = (slot + 1) & (hashes.count - 1) }
    return slot
  }

  /// Gives the hashes of the sequences of a text, none of them 0, those that the mask leaves.
  @inline(__always)
  private static func forEachSequence(in text: UnsafeRawBufferPointer, _ mask: UInt64, _ body: (UInt64) -> Void) {
    let base: UInt64 = 0x9E37_79B9_7F4A_7C15
    // A polynomial over the last words; the oldest leaves with this factor.
    let leaving = (0..<sequenceLength).reduce(1 as UInt64) { product, _ in product &* base }
    var words = InlineArray<8, UInt64>(repeating: 0)
    var count = 0
    var sum: UInt64 = 0
    var word: UInt64 = 0
    func emit() {
      var hash = sum ^ (sum >> 32)
      hash = hash &* 0xD6E8_FEB8_6659_FD93
      hash ^= hash >> 32
      if hash != 0, (hash >> 40) & mask == 0 { body(hash) }
    }
    func endWord() {
      guard word != 0 else { return }
      let place = count % sequenceLength
      sum = sum &* base &+ word &- words[place] &* leaving
      words[place] = word
      word = 0
      count += 1
      if count >= sequenceLength { emit() }
    }
    letters.withUnsafeBufferPointer { letters in
      for byte in text {
        let letter = letters[Int(byte)]
        // East Asian characters, from U+3000 on, are words of their own.
        if letter == 0 || byte >= 0xE3 { endWord() }
        if letter != 0 { word = (word ^ UInt64(letter)) &* 0x0000_0100_0000_01B3 &+ 0x51_7CC1 }
      }
    }
    endWord()
    if count > 0, count < sequenceLength { emit() }
  }

  /// What a byte is in a word: ASCII letters small, 0 for what is in none.
  private static let letters: [UInt8] = (0...255).map { (byte: Int) -> UInt8 in
    switch UInt8(byte) {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt8(byte) | 0x20
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), 0x80...: UInt8(byte)
    default: 0
    }
  }
}
