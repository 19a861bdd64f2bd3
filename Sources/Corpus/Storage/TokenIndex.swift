import Failures
import Storage

/// How one token is stored; the raw value is Megatron's code for it.
package enum TokenWidth: UInt8 {
  case int32 = 4
  case uint16 = 8

  /// The narrowest width that holds every id of a vocabulary.
  init(vocabularySize: Int) { self = vocabularySize <= 1 << 16 ? .uint16 : .int32 }

  /// Bytes of one token.
  var size: Int { self == .uint16 ? 2 : 4 }
}

/// An index of documents in Megatron's format (`.idx`), checked when it is opened.
///
/// Little-endian throughout:
///
///     offset 0   9 bytes       "MMIDIDX\0\0"
///            9   u64           version, 1
///           17   u8            code of the token's type: 8 = u16, 4 = i32
///           18   u64           number of sequences S
///           26   u64           number of document starts D (documents + 1)
///           34   i32[S]        tokens of each sequence
///                i64[S]        byte offset of each sequence in the .bin
///                i64[D]        first sequence of each document, then S
package struct TokenIndex: Sendable {
  static let magic: [UInt8] = Array("MMIDIDX\0\0".utf8)
  package static let headerSize = 34

  let width: TokenWidth
  let sequenceCount: Int
  let documentCount: Int
  let tokenCount: Int
  let file: MappedFile

  /// The bytes of an index of documents that are a sequence each.
  ///
  /// - Parameter lengths: Tokens of each document.
  package static func encoded(_ lengths: [Int32], width: TokenWidth) -> [UInt8] {
    var bytes = Bytes()
    // Memory takes everything.
    try! write(to: &bytes, sequences: lengths.count, width: width) { try lengths.forEach($0) }
    return bytes.content
  }

  private struct Bytes: IndexSink {
    var content: [UInt8] = []

    mutating func write(_ bytes: UnsafeRawBufferPointer) { content += bytes }
  }

  /// Writes an index of documents that are a sequence each, of which there may be more than memory holds.
  ///
  /// - Parameter lengths: Gives the tokens of each document to a body, from the first to the last, each time it is
  ///   asked.
  /// - Throws: `Failure(.inputOutput)`; what the lengths throw.
  static func write<Sink: IndexSink & ~Copyable>(
    to sink: inout Sink, sequences: Int, width: TokenWidth, _ lengths: ((Int32) throws -> Void) throws -> Void
  ) throws {
    try magic.withUnsafeBytes { try sink.write($0) }
    try sink.append(UInt64(1))
    try sink.append(width.rawValue)
    try sink.append(UInt64(sequences))
    try sink.append(UInt64(sequences + 1))
    try lengths { try sink.append($0) }
    var offset: Int64 = 0
    try lengths { length in
      try sink.append(offset)
      offset += Int64(length) * Int64(width.size)
    }
    var document: Int64 = 0
    try lengths { _ in
      try sink.append(document)
      document += 1
    }
    try sink.append(document)
  }

  /// Indices of up to this many sequences are checked whole when they are opened; for larger ones that is the matter of
  /// ``check()``, so that starting a run takes no longer the more text there is.
  package static let checkedWhenOpened = 1 << 20

  /// Opens an index and checks it against the size of its `.bin` file.
  ///
  /// - Parameter most: The most sequences of an index that is checked whole.
  /// - Throws: `Failure(.badData)` that names file and offset of the first contradiction.
  package init(_ file: MappedFile, dataSize: Int, checkedUpTo most: Int = checkedWhenOpened) throws {
    let size = file.count
    func damaged(_ offset: Int, _ problem: String) -> Failure {
      Failure(.badData, "\(file.path), offset \(offset): \(problem)")
    }
    guard size >= TokenIndex.headerSize else {
      throw damaged(size, "The file ends inside its header of 34 bytes; it is truncated or no token index.")
    }
    guard file.withBytes({ $0.prefix(9).elementsEqual(TokenIndex.magic) }) else {
      throw damaged(0, "The file does not begin with MMIDIDX; it is no token index in Megatron's format.")
    }
    let version = file.load(at: 9, as: UInt64.self)
    guard version == 1 else { throw damaged(9, "The version of the index is \(version), where 1 is known.") }
    let code = file.load(at: 17, as: UInt8.self)
    guard let width = TokenWidth(rawValue: code) else {
      throw damaged(17, "The token type has code \(code), where 8 (16 bits) and 4 (32 bits) are known.")
    }
    let sequences = file.load(at: 18, as: UInt64.self)
    let starts = file.load(at: 26, as: UInt64.self)
    // Bounding both by the file's size first keeps the sum below from overflowing.
    guard sequences <= size / 12, starts <= size / 8,
      TokenIndex.headerSize + 12 * Int(sequences) + 8 * Int(starts) == size
    else {
      throw damaged(
        18, "\(sequences) sequences and \(starts) document starts do not make a file of \(size) bytes.")
    }
    guard starts >= 1 else { throw damaged(26, "The index has no document starts, not even the closing one.") }

    self.file = file
    self.width = width
    sequenceCount = Int(sequences)
    documentCount = Int(starts) - 1
    guard dataSize % width.size == 0 else {
      throw Failure(
        .badData, "\(file.path): Its .bin file has \(dataSize) bytes, which is no multiple of \(width.size).")
    }
    tokenCount = dataSize / width.size

    if sequenceCount <= most { try check() }
  }

  /// Checks that sequences and documents follow each other without gaps, to the end of the `.bin` file.
  ///
  /// - Throws: `Failure(.badData)` that names file and offset of the first contradiction.
  package func check() throws {
    func damaged(_ offset: Int, _ problem: String) -> Failure {
      Failure(.badData, "\(file.path), offset \(offset): \(problem)")
    }
    let dataSize = tokenCount * width.size
    var end = 0
    for sequence in 0..<sequenceCount {
      let offset = TokenIndex.headerSize + 4 * sequence
      let length = Int(file.load(at: offset, as: Int32.self))
      guard length >= 0 else { throw damaged(offset, "Sequence \(sequence) has \(length) tokens.") }
      let pointer = file.load(at: pointers + 8 * sequence, as: Int64.self)
      guard pointer == end else {
        throw damaged(
          pointers + 8 * sequence, "Sequence \(sequence) begins at byte \(pointer), where \(end) is expected.")
      }
      end += length * width.size
      guard end <= dataSize else {
        throw damaged(
          offset, "Sequence \(sequence) ends at byte \(end) of a .bin file of \(dataSize) bytes; it is truncated.")
      }
    }
    guard end == dataSize else {
      throw damaged(file.count, "The sequences end at byte \(end) of a .bin file of \(dataSize) bytes.")
    }
    var previous = 0
    for document in 0...documentCount {
      let start = self.start(ofDocument: document)
      let isInOrder = document == 0 ? start == 0 : start >= previous
      guard isInOrder, start <= sequenceCount, document < documentCount || start == sequenceCount else {
        throw damaged(
          documentStarts + 8 * document,
          "Document \(document) begins with sequence \(start) of \(sequenceCount), after \(previous).")
      }
      previous = start
    }
  }

  /// The position in tokens of the first token of a document, or of the end for `documentCount`.
  ///
  /// It lies within the `.bin` file even if the index contradicts itself and has not been checked whole.
  package func position(ofDocument document: Int) -> Int {
    precondition(document >= 0 && document <= documentCount, "there are \(documentCount) documents")
    let sequence = start(ofDocument: document)
    guard (0..<sequenceCount).contains(sequence) else { return tokenCount }
    let offset = Int(file.load(at: pointers + 8 * sequence, as: Int64.self))
    return min(max(0, offset / width.size), tokenCount)
  }

  private var pointers: Int { TokenIndex.headerSize + 4 * sequenceCount }
  private var documentStarts: Int { pointers + 8 * sequenceCount }

  private func start(ofDocument document: Int) -> Int {
    Int(file.load(at: documentStarts + 8 * document, as: Int64.self))
  }
}

/// What takes the bytes of an index.
protocol IndexSink: ~Copyable {
  mutating func write(_ bytes: UnsafeRawBufferPointer) throws
}

extension IndexSink where Self: ~Copyable {
  fileprivate mutating func append(_ number: some FixedWidthInteger) throws {
    try withUnsafeBytes(of: number.littleEndian) { try write($0) }
  }
}

extension OutputFile: IndexSink {}
