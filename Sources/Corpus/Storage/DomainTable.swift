import Failures
import Printing
import Storage

/// The domains of a corpus: a table of mapped columns, of which only what is asked for is read.
///
/// Two files hold it. `domains.txt` has the names, each ended by a line feed. `domains.table` has columns of one i64
/// per domain, little-endian, one column after the other; each says where a domain ends, and the one before it is where
/// it begins:
///
///     0        bytes of names in domains.txt
///     1, 2, 3  documents, tokens and bytes of text in train
///     4, 5, 6  documents, tokens and bytes of text in validation
///
/// ```swift
/// for domain in corpus.domains { print(domain.name, domain.train.tokenCount) }
/// ```
public struct DomainTable: RandomAccessCollection, Sendable {
  /// The columns, in the order of the file.
  package enum Column: Int, CaseIterable {
    case name, trainDocuments, trainTokens, trainBytes, validationDocuments, validationTokens, validationBytes
  }

  static let namesFile = "domains.txt"
  static let tableFile = "domains.table"

  /// The number of domains, with targets that are read as such.
  public var count: Int { stored + added.count }

  /// Domains of the file.
  let stored: Int
  /// What is read besides: targets, after the domains of the file.
  var added: [AddedDomain] = []

  private let names: MappedFile
  private let table: MappedFile
  private let trainText: TokenText
  private let validationText: TokenText

  /// The index of the first domain.
  public var startIndex: Int { 0 }
  /// The number of domains.
  public var endIndex: Int { count }

  /// Opens a table and checks that it makes sense and agrees with the indices of the tokens.
  ///
  /// - Throws: `Failure(.badData)` that names file and domain of the first contradiction.
  init(count: Int, names: MappedFile, table: MappedFile, train: TokenText, validation: TokenText) throws {
    stored = count
    self.names = names
    self.table = table
    trainText = train
    validationText = validation
    guard table.count / 8 == count * Column.allCases.count, table.count % 8 == 0 else {
      throw Failure(.badData, "\(table.path) has \(table.count) bytes, which are not those of \(count) domains.")
    }
    try checkColumns()
    try checkNames()
    try check(train, .trainDocuments, .trainTokens)
    try check(validation, .validationDocuments, .validationTokens)
    // What was read for the checks need not stay in memory.
    for file in [names, table] + (train.pieces + validation.pieces).map(\.file.index.file) { file.dropPages() }
  }

  /// A domain, put together from its columns.
  public subscript(domain: Int) -> Domain {
    Domain(name: name(domain), train: train(domain), validation: validation(domain))
  }

  /// The name of a domain.
  public func name(_ domain: Int) -> String {
    if domain >= stored { return added[domain - stored].name }
    // Without its line feed.
    let range = range(.name, domain).dropLast()
    return names.withBytes { String(decoding: $0[range], as: UTF8.self) }
  }

  /// The checksum of the table, names left out.
  package var digest: Checksum.Digest {
    defer { table.dropPages() }
    return table.withBytes { Checksum.digest(of: $0) }
  }

  /// Writes the names of all domains, each ended by a line feed.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  package func writeNames(to path: String) throws {
    var file = try OutputFile(path)
    try names.withBytes { try file.write($0) }
    for domain in added { try file.write(Array("\(domain.name)\n".utf8)) }
    _ = try file.finish()
  }

  /// What is trained on of a domain.
  public func train(_ domain: Int) -> TokenSlice {
    if domain >= stored { return added[domain - stored].text }
    return slice(of: trainText, domain, .trainDocuments, .trainTokens, .trainBytes)
  }

  /// What is only ever evaluated of a domain.
  public func validation(_ domain: Int) -> TokenSlice {
    if domain >= stored {
      return TokenSlice(validationText, start: 0, tokenCount: 0, byteCount: 0, documents: 0..<0)
    }
    return slice(of: validationText, domain, .validationDocuments, .validationTokens, .validationBytes)
  }

  /// The training text of all domains, one after the other.
  package var allTrain: TokenSlice {
    TokenSlice(
      trainText, start: 0, tokenCount: trainText.tokenCount, byteCount: end(.trainBytes, stored - 1),
      documents: 0..<trainText.documentCount)
  }

  /// Where a domain of the file begins in the training text of all.
  package func firstTrainToken(_ domain: Int) -> Int { range(.trainTokens, domain).lowerBound }

  /// Training tokens of a domain.
  public func trainTokens(_ domain: Int) -> Int {
    domain >= stored ? added[domain - stored].text.tokenCount : range(.trainTokens, domain).count
  }

  private func slice(
    of text: TokenText, _ domain: Int, _ documents: Column, _ tokens: Column, _ bytes: Column
  ) -> TokenSlice {
    let range = range(tokens, domain)
    return TokenSlice(
      text, start: range.lowerBound, tokenCount: range.count, byteCount: self.range(bytes, domain).count,
      documents: self.range(documents, domain))
  }

  /// From where a domain begins to where it ends.
  private func range(_ column: Column, _ domain: Int) -> Range<Int> {
    precondition(domain >= 0 && domain < stored, "there are \(stored) domains")
    return (domain == 0 ? 0 : end(column, domain - 1))..<end(column, domain)
  }

  private func end(_ column: Column, _ domain: Int) -> Int {
    Int(table.load(at: 8 * (column.rawValue * stored + domain), as: Int64.self))
  }

  // MARK: Checks

  private func failure(_ domain: Int, _ problem: String) -> Failure {
    Failure(.badData, "\(table.path): domain \(domain) of \(count) \(problem).")
  }

  /// No column falls, every domain has something to train on, and sums stay exact.
  private func checkColumns() throws {
    for column in Column.allCases {
      var before = 0
      let least = [.name, .trainDocuments, .trainTokens].contains(column) ? 1 : 0
      for domain in 0..<count {
        let end = end(column, domain)
        guard end <= 1 << 50, end >= before + least else {
          throw failure(domain, "has impossible counts")
        }
        before = end
      }
    }
    for domain in 0..<count {
      let documents = range(.validationDocuments, domain).count
      guard (documents == 0) == range(.validationTokens, domain).isEmpty else {
        throw failure(domain, "has impossible counts in validation")
      }
    }
  }

  /// Names are distinct, end with a line feed, and have no control characters: they are printed as they are.
  private func checkNames() throws {
    guard end(.name, count - 1) == names.count else {
      throw Failure(.badData, "\(names.path) has \(names.count) bytes, but \(end(.name, count - 1)) by the table.")
    }
    var hashes = [UInt64](repeating: 0, count: count)
    for domain in 0..<count {
      let range = range(.name, domain)
      let isPlain = names.withBytes { bytes in
        let name = UnsafeRawBufferPointer(rebasing: bytes[range.dropLast()])
        hashes[domain] = Checksum.digest(of: name).keyed(by: 0)
        return bytes[range.upperBound - 1] == 0x0A && !name.isEmpty && Self.isPlain(name)
      }
      guard isPlain else {
        throw Failure(
          .badData,
          "\(names.path): the name of domain \(domain) of \(count) is empty or not plain text: "
            + "'\(name(domain).printable)'.")
      }
    }
    hashes.sort()
    guard zip(hashes, hashes.dropFirst()).allSatisfy({ $0 != $1 }) else {
      throw Failure(.badData, "\(names.path) has a name twice.")
    }
  }

  /// Whether a name is well-formed UTF-8 without control characters.
  private static func isPlain(_ name: UnsafeRawBufferPointer) -> Bool {
    // Nearly all names are plain ASCII.
    if name.allSatisfy({ (0x20..<0x7F).contains($0) }) { return true }
    guard let text = String(validating: name, as: UTF8.self) else { return false }
    return text.printable == text
  }

  /// The tokens of every domain end where the documents' index says that its documents end, if that is here.
  private func check(_ text: TokenText, _ documents: Column, _ tokens: Column) throws {
    guard end(documents, count - 1) == text.documentCount, end(tokens, count - 1) == text.tokenCount else {
      throw Failure(
        .badData,
        "\(text.pieces[0].file.index.file.path) is of \(text.documentCount) documents with \(text.tokenCount) tokens, "
          + "but \(table.path) of \(end(documents, count - 1)) with \(end(tokens, count - 1)).")
    }
    for piece in text.pieces {
      for domain in 0..<count {
        let document = end(documents, domain)
        guard piece.documents.lowerBound...piece.documents.upperBound ~= document else { continue }
        let position = piece.position(ofDocument: document)
        guard position == end(tokens, domain) else {
          throw Failure(
            .badData,
            "Domain '\(name(domain))' ends with token \(position) in \(piece.file.index.file.path), but with "
              + "\(end(tokens, domain)) according to \(table.path).")
        }
      }
    }
  }
}

extension DomainTable {
  /// Writes a table, one domain after the other.
  struct Writer {
    private var names: [UInt8] = []
    private var columns = [[Int64]](repeating: [], count: Column.allCases.count)
    /// The number of domains so far.
    var count: Int { columns[0].count }

    /// The bytes of text of both parts of all domains so far.
    var textBytes: Int {
      [Column.trainBytes, .validationBytes].reduce(0) { $0 + Int(columns[$1.rawValue].last ?? 0) }
    }

    /// Appends a domain.
    mutating func append(name: String, train: Manifest.Extent, validation: Manifest.Extent) {
      names += name.utf8
      names.append(0x0A)
      let counts = [
        train.documents, train.tokens, train.bytes, validation.documents, validation.tokens, validation.bytes,
      ]
      columns[0].append(Int64(names.count))
      for (place, number) in counts.enumerated() {
        columns[place + 1].append((columns[place + 1].last ?? 0) + Int64(number))
      }
    }

    /// The bytes of both files, by name.
    var files: [(name: String, bytes: [UInt8])] {
      let table = columns.flatMap { column in column.map(\.littleEndian) }
      return [(DomainTable.namesFile, names), (DomainTable.tableFile, table.withUnsafeBytes { Array($0) })]
    }

    /// Writes both files into the directory of a corpus.
    ///
    /// - Throws: `Failure`: `.cannotCreate`, `.inputOutput`.
    func write(to directory: String) throws -> [String: FileRecord] {
      var records: [String: FileRecord] = [:]
      for (name, bytes) in files {
        var file = try OutputFile("\(directory)/\(name)")
        try file.write(bytes)
        records[name] = try file.finish()
      }
      return records
    }
  }
}
