import Settings
import Storage

/// Which documents go where, decided by keyed hashes of their text.
///
/// Neither file names nor the order of directories matter, and a document added changes little for the others.
struct DocumentSelection {
  let seed: UInt64
  let spool: SpooledText

  private enum Purpose: UInt64 {
    case order, validation
  }

  private func rank(_ document: Spool.Document, for purpose: Purpose) -> UInt64 {
    document.digest.keyed(by: seed &* 2 &+ purpose.rawValue)
  }

  /// Puts documents into their pseudo-random order.
  func shuffled(_ documents: [Spool.Document]) -> [Spool.Document] { sorted(documents, for: .order) }

  private func sorted(_ documents: [Spool.Document], for purpose: Purpose) -> [Spool.Document] {
    // The offset only separates the two halves of a document that was cut.
    documents.map { (rank($0, for: purpose), $0) }.sorted { ($0.0, $0.1.offset) < ($1.0, $1.1.offset) }.map(\.1)
  }

  /// Takes documents from the front until the amount would be exceeded, but at least one.
  func limited(_ documents: [Spool.Document], to limit: Quantity?) -> [Spool.Document] {
    guard let limit else { return documents }
    if limit.unit == .documents { return Array(documents.prefix(limit.count)) }
    var bytes = 0
    return documents.enumerated().prefix { place, document in
      bytes += document.count
      return place == 0 || bytes <= limit.count
    }.map(\.element)
  }

  /// In which parts texts are that several domains hold, so that none is trained on in one and held out in another.
  struct Parts {
    fileprivate(set) var trained: Set<Checksum.Digest> = []
    fileprivate(set) var heldOut: Set<Checksum.Digest> = []

    /// Takes in what a domain trains on and holds out; returns the documents that are in the other part elsewhere.
    mutating func add(train: [Spool.Document], heldOut documents: [Spool.Document]) -> [Spool.Document] {
      let conflicts =
        train.filter { heldOut.contains($0.identity) } + documents.filter { trained.contains($0.identity) }
      trained.formUnion(train.map(\.identity))
      heldOut.formUnion(documents.map(\.identity))
      return conflicts
    }
  }

  /// Splits a domain by document; both parts keep the shuffled order, and neither is empty.
  ///
  /// The share counts documents, at least one. A document that holds over a quarter of the domain's bytes stays in
  /// training; if all do, the smallest is held out. Copies of a text are in the same part, here and, where that is
  /// possible, in other domains. A single document is cut at the end of a line. Nil if that is impossible because it is
  /// too short.
  func split(
    _ documents: [Spool.Document], validationShare share: Double, elsewhere: Parts
  ) -> (train: [Spool.Document], validation: [Spool.Document])? {
    let texts = Set(documents.map(\.identity))
    if texts.count == 1 {
      return cut(documents[0], tailShare: share).map { ([$0.head], [$0.tail]) }
    }
    let bytes = documents.reduce(0) { $0 + $1.count }
    let wanted = min(max(1, Int((share * Double(texts.count)).rounded())), texts.count - 1)
    var heldOut = texts.intersection(elsewhere.heldOut)
    if heldOut.count == texts.count { heldOut = [] }
    let candidates = documents.filter { $0.count <= bytes / 4 && !elsewhere.trained.contains($0.identity) }
    for document in sorted(candidates, for: .validation) where heldOut.count < wanted {
      heldOut.insert(document.identity)
    }
    if heldOut.isEmpty, let smallest = documents.min(by: { $0.count < $1.count }) { heldOut = [smallest.identity] }
    return (documents.filter { !heldOut.contains($0.identity) }, documents.filter { heldOut.contains($0.identity) })
  }

  /// Cuts a document in two after the last line that lies in the head's share, or else after its first line, or else,
  /// if it has one line only, after a space, or else between characters.
  func cut(_ document: Spool.Document, tailShare: Double) -> (head: Spool.Document, tail: Spool.Document)? {
    guard let place = spool.withText(of: document, { DocumentSelection.cut($0, tailShare: tailShare) }) else {
      return nil
    }
    var head = document
    head.count = place
    var tail = document
    tail.offset += place
    tail.count -= place
    return (head, tail)
  }

  private static func cut(_ text: UnsafeRawBufferPointer, tailShare: Double) -> Int? {
    let isBlank = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
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
