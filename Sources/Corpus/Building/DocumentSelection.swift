import Settings
import Storage

/// Which documents go where, decided by keyed hashes of their text.
///
/// Neither file names nor the order of directories matter, and a document added changes little for the others. Of each
/// document no more is in memory than its place in the order.
struct DocumentSelection {
  let seed: UInt64
  let catalogue: Catalogue
  let duplicates: Duplicates

  private enum Purpose: UInt64 {
    case order, validation
  }

  private func rank(_ document: Document, for purpose: Purpose) -> UInt64 {
    document.digest.keyed(by: seed &* 2 &+ purpose.rawValue)
  }

  /// A document of a target or domain in its pseudo-random order.
  struct Ranked {
    fileprivate let rank: UInt64
    /// Its number among the documents of its owner, and its bytes.
    fileprivate let number: UInt32
    let count: Int32
  }

  /// The number of a document.
  func number(of document: Ranked, of owner: Int) -> Int {
    catalogue.owners[owner].documents.lowerBound + Int(document.number)
  }

  /// A document.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  func document(_ ranked: Ranked, of owner: Int) throws -> Document {
    try catalogue.document(number(of: ranked, of: owner))
  }

  /// Puts the documents of a target or domain into their pseudo-random order, without duplicates.
  ///
  /// - Parameter isIncluded: Says of each document whether it counts.
  /// - Throws: `Failure(.inputOutput)`.
  func shuffled(_ owner: Int, where isIncluded: (Document) -> Bool = { _ in true }) throws -> [Ranked] {
    let numbers = catalogue.owners[owner].documents
    var documents: [Ranked] = []
    documents.reserveCapacity(numbers.count)
    try forEach(of: owner) { number, document in
      guard isIncluded(document) else { return }
      documents.append(
        Ranked(
          rank: rank(document, for: .order), number: UInt32(number - numbers.lowerBound), count: document.count))
    }
    documents.sort { ($0.rank, $0.number) < ($1.rank, $1.number) }
    return documents
  }

  /// Calls a body with the documents of a target or domain in the order of its files, without duplicates.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  func forEach(of owner: Int, _ body: (Int, Document) throws -> Void) throws {
    try catalogue.forEach(in: catalogue.owners[owner].documents) { number, document in
      if !duplicates[number].contains(.dropped) { try body(number, document) }
    }
  }

  /// Takes documents from the front until the amount would be exceeded, but at least one.
  func limited(_ documents: [Ranked], to limit: Quantity?) -> ArraySlice<Ranked> {
    guard let limit else { return documents[...] }
    if limit.unit == .documents { return documents.prefix(limit.count) }
    var bytes = 0
    let count = documents.enumerated().prefix { place, document in
      bytes += Int(document.count)
      return place == 0 || bytes <= limit.count
    }.count
    return documents.prefix(count)
  }

  /// In which parts texts are that several domains hold, so that none is trained on in one and held out in another.
  struct Parts {
    var trained: Set<Checksum.Digest> = []
    var heldOut: Set<Checksum.Digest> = []
  }

  /// Chooses the texts of a domain that are held out; nil if all documents have the same text.
  ///
  /// The share counts documents, at least one. A document that holds over a quarter of the domain's bytes stays in
  /// training; if all do, the smallest is held out. Copies of a text are in the same part, here and, where that is
  /// possible, in other domains.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  func heldOut(
    of documents: ArraySlice<Ranked>, of owner: Int, share: Double, elsewhere: Parts
  ) throws -> Set<Checksum.Digest>? {
    func marks(_ document: Ranked) -> Duplicates.Marks { duplicates[number(of: document, of: owner)] }
    func identity(_ document: Ranked) throws -> Checksum.Digest { try self.document(document, of: owner).identity }
    func texts(_ mark: Duplicates.Marks) throws -> Set<Checksum.Digest> {
      var texts: Set<Checksum.Digest> = []
      for document in documents where marks(document).contains(mark) { texts.insert(try identity(document)) }
      return texts
    }
    let count = try documents.count { !marks($0).contains(.repeated) } + texts(.repeated).count
    guard count > 1 else { return nil }
    let bytes = documents.reduce(0) { $0 + Int($1.count) }
    let wanted = min(max(1, Int((share * Double(count)).rounded())), count - 1)
    var heldOut = try texts(.shared).intersection(elsewhere.heldOut)
    if heldOut.count == count { heldOut = [] }
    var candidates = LowestTexts(most: wanted)
    for ranked in documents where ranked.count <= bytes / 4 {
      let document = try document(ranked, of: owner)
      guard !elsewhere.trained.contains(document.identity) else { continue }
      candidates.insert(document.identity, rank: rank(document, for: .validation), number: ranked.number)
    }
    for text in candidates.texts() where heldOut.count < wanted { heldOut.insert(text) }
    if heldOut.isEmpty, let smallest = documents.min(by: { $0.count < $1.count }) {
      heldOut = [try identity(smallest)]
    }
    return heldOut
  }

  /// Cuts a document in two after the last line that lies in the head's share, or else after its first line, or else,
  /// if it has one line only, after a space, or else between characters; nil if it is too short.
  ///
  /// - Returns: The number of bytes of the head.
  /// - Throws: `Failure(.inputOutput)`.
  func cut(_ document: Document, tailShare: Double) throws -> Int? {
    try catalogue.withText(of: document) { DocumentSelection.cut($0, tailShare: tailShare) }
  }

  private static func cut(_ text: UnsafeRawBufferPointer, tailShare: Double) -> Int? {
    let isBlank: (UInt8) -> Bool = TextRepair.isBlank
    guard let first = text.firstIndex(where: { !isBlank($0) }), let last = text.lastIndex(where: { !isBlank($0) })
    else {
      return nil
    }
    // Both sides of a cut have text: cuts lie in first + 1 ... last.
    let wanted = min(max(Int(Double(text.count) * (1 - tailShare)), first + 1), max(last, first + 1))
    func nearest(_ isCut: (Int) -> Bool) -> Int? {
      stride(from: wanted, through: first + 1, by: -1).first(where: isCut)
        ?? stride(from: wanted, through: last, by: 1).first(where: isCut)
    }
    guard last > first else { return nil }
    return nearest { text[$0 - 1] == 0x0A } ?? nearest { isBlank(text[$0 - 1]) } ?? nearest { text[$0] & 0xC0 != 0x80 }
  }
}

/// The different texts of lowest rank, of any number of documents.
private struct LowestTexts {
  private struct Entry {
    let rank: UInt64
    let number: UInt32
    let text: Checksum.Digest
  }

  private let most: Int
  private var entries: [Entry] = []

  init(most: Int) { self.most = most }

  mutating func insert(_ text: Checksum.Digest, rank: UInt64, number: UInt32) {
    entries.append(Entry(rank: rank, number: number, text: text))
    if entries.count >= 2 * most + 1024 { prune() }
  }

  private mutating func prune() {
    entries.sort { ($0.rank, $0.number) < ($1.rank, $1.number) }
    var seen: Set<Checksum.Digest> = []
    entries.removeAll { seen.count == most || !seen.insert($0.text).inserted }
  }

  /// The texts, the lowest first.
  mutating func texts() -> [Checksum.Digest] {
    prune()
    return entries.map(\.text)
  }
}
