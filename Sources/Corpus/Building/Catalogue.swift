import Storage

/// The documents of all blocks, numbered in the order of the files, for reading: in the order of the numbers or any
/// other, without holding them in memory.
final class Catalogue {
  private let files: FileTable
  private let blocks: [TextBlock]
  private let directory: WorkDirectory
  /// The first document of each block, and the end of all.
  private let starts: [Int]
  private var documents: [PositionalFile?]
  private var texts: [PositionalFile?]
  private var buffer: [UInt8] = []

  /// What was read of each target and domain: the numbers of its documents, and what was found.
  let owners: [(documents: Range<Int>, tally: Tally)]

  /// Joins the blocks.
  ///
  /// - Throws: `Failure(.inputOutput)` if the record of a block cannot be read.
  init(_ files: FileTable, _ blocks: [TextBlock], ownerCount: Int, in directory: WorkDirectory) throws {
    self.files = files
    self.blocks = blocks
    self.directory = directory
    documents = [PositionalFile?](repeating: nil, count: blocks.count)
    texts = documents
    var counts = [Int](repeating: 0, count: ownerCount)
    var tallies = [Tally](repeating: Tally(), count: ownerCount)
    var starts = [0]
    for block in blocks {
      let result = try directory.result(block.name, as: TextBlock.Result.self)
      for owner in result.owners {
        counts[owner.number] += owner.documents
        tallies[owner.number].add(owner.tally)
      }
      starts.append(starts.last! + result.owners.reduce(0) { $0 + $1.documents })
    }
    self.starts = starts
    var next = 0
    owners = zip(counts, tallies).map { count, tally in
      defer { next += count }
      return (next..<next + count, tally)
    }
  }

  /// The number of documents.
  var count: Int { starts.last! }

  /// Calls a body with documents in the order of their numbers.
  ///
  /// - Throws: `Failure(.inputOutput)`; what the body throws.
  func forEach(in numbers: Range<Int>, _ body: (Int, Document) throws -> Void) throws {
    var number = numbers.lowerBound
    for block in blocks.indices {
      let range = numbers.clamped(to: starts[block]..<starts[block + 1])
      guard !range.isEmpty else { continue }
      let local = range.lowerBound - starts[block]..<range.upperBound - starts[block]
      try documentFile(block).forEach(local, as: Document.self) { document in
        try body(number, document)
        number += 1
      }
    }
  }

  /// A document by its number.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  func document(_ number: Int) throws -> Document {
    // The last block that begins at or before the number.
    var (low, high) = (0, blocks.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if starts[middle] <= number { low = middle } else { high = middle }
    }
    let local = number - starts[low]
    return try documentFile(low).values(local..<local + 1, as: Document.self)[0]
  }

  /// The texts of the blocks with their documents, a range of texts at a time: all ranges in order, documents with
  /// equal texts in the order of their numbers.
  ///
  /// - Throws: `Failure(.inputOutput)`; what the body throws.
  func forEachRangeOfTexts(_ body: (ArraySlice<TextKey>) throws -> Void) throws {
    var bits = 0
    while count >> bits > 1 << 16 { bits += 1 }
    var cursors = try blocks.indices.map { block in
      KeyCursor(
        file: try PositionalFile(directory.file(blocks[block].keyFile)), first: starts[block],
        rest: 0..<starts[block + 1] - starts[block])
    }
    for range in 0..<(1 << UInt64(bits)) {
      var keys: [TextKey] = []
      for block in cursors.indices {
        while let key = try cursors[block].next, bits == 0 || key.identity.high >> (64 - bits) == range {
          keys.append(key)
          cursors[block].advance()
        }
      }
      keys.sort()
      try body(keys[...])
    }
  }

  // MARK: - Texts and names

  /// The file of a document, with its line if the file holds several.
  func name(file: Int32, line: Int32) -> String {
    TextReading.name(of: files.path(Int(file)), line: Int(line))
  }

  /// The file of a document, with its line if the file holds several.
  func name(of document: Document) -> String { name(file: document.file, line: document.line) }

  /// Calls a body with some text of a block, which is well-formed UTF-8 if it is that of a document.
  ///
  /// - Throws: `Failure(.inputOutput)`; what the body throws.
  func withText<Result>(
    ofBlock block: Int32, offset: Int, count: Int, _ body: (UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result {
    let file = try textFile(Int(block))
    // A huge document's memory is not kept.
    if count < buffer.count / 8, buffer.count > 1 << 22 { buffer = [] }
    if buffer.count < count { buffer = [UInt8](repeating: 0, count: count) }
    return try buffer.withUnsafeMutableBytes {
      let text = UnsafeMutableRawBufferPointer(rebasing: $0[..<count])
      try file.read(at: offset, into: text)
      return try body(UnsafeRawBufferPointer(text))
    }
  }

  /// Calls a body with the text of a document, which is well-formed UTF-8.
  ///
  /// - Throws: `Failure(.inputOutput)`; what the body throws.
  func withText<Result>(of document: Document, _ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
    try withText(ofBlock: document.block, offset: document.offset, count: Int(document.count), body)
  }

  private func documentFile(_ block: Int) throws -> PositionalFile {
    if documents[block] == nil { documents[block] = try PositionalFile(directory.file(blocks[block].documentFile)) }
    return documents[block]!
  }

  private func textFile(_ block: Int) throws -> PositionalFile {
    if texts[block] == nil { texts[block] = try PositionalFile(directory.file(blocks[block].textFile)) }
    return texts[block]!
  }
}

/// Reads the sorted texts of a block, a few at a time.
private struct KeyCursor {
  let file: PositionalFile
  /// The number of the block's first document.
  let first: Int
  /// What was not read yet.
  var rest: Range<Int>
  private var ahead: ArraySlice<TextKey> = []

  init(file: PositionalFile, first: Int, rest: Range<Int>) {
    self.file = file
    self.first = first
    self.rest = rest
  }

  /// The next text, with the number of its document among all.
  var next: TextKey? {
    mutating get throws {
      if ahead.isEmpty {
        let some = rest.prefix(128)
        guard !some.isEmpty else { return nil }
        ahead = try file.values(some, as: TextKey.self)[...]
        rest = some.upperBound..<rest.upperBound
      }
      var key = ahead.first!
      key.document += first
      return key
    }
  }

  mutating func advance() { ahead.removeFirst() }
}
