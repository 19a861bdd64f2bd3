import Failures
import Storage

/// Writes one part of a corpus in Megatron's format, a sequence for each document.
package struct TokenFileWriter: ~Copyable {
  private let prefix: String
  private let width: TokenWidth
  private var data: OutputFile
  private var lengths: [Int32] = []
  private(set) var tokenCount = 0

  /// Creates `<prefix>.bin`; the index follows with `finish()`.
  ///
  /// - Throws: `Failure(.cannotCreate)`.
  package init(prefix: String, vocabularySize: Int) throws {
    self.prefix = prefix
    width = TokenWidth(vocabularySize: vocabularySize)
    data = try OutputFile(prefix + ".bin")
  }

  /// The number of documents so far.
  package var documentCount: Int { lengths.count }

  /// Appends a document.
  ///
  /// - Precondition: every id fits the width of the vocabulary.
  /// - Throws: `Failure`: `.badData` beyond 2^31 - 1 tokens, `.inputOutput` if writing fails.
  package mutating func append(_ document: [Int32]) throws {
    guard let length = Int32(exactly: document.count) else {
      throw Failure(.badData, "A document of \(document.count) tokens is too long for the index; split it.")
    }
    switch width {
    case .uint16: try data.write(document.map { UInt16($0) })
    case .int32: try data.write(document)
    }
    lengths.append(length)
    tokenCount += document.count
  }

  /// Completes both files.
  ///
  /// - Throws: `Failure(.inputOutput)`.
  package mutating func finish() throws -> (data: FileRecord, index: FileRecord) {
    let dataRecord = try data.finish()
    var index = try OutputFile(prefix + ".idx")
    try TokenIndex.write(to: &index, sequences: lengths.count, width: width) { try lengths.forEach($0) }
    return (dataRecord, try index.finish())
  }
}
