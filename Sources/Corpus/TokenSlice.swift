import Failures

/// Consecutive tokens of a corpus on disk: one part of a domain or target.
///
/// Documents follow each other in a seeded shuffled order, each closed by the end-of-document token, so any prefix is a
/// fair sample.
public struct TokenSlice: Sendable {
  /// The number of tokens, ends of documents included.
  public let tokenCount: Int

  /// The number of UTF-8 bytes of the text that these tokens came from.
  public let byteCount: Int

  /// The documents' numbers within their part of the corpus.
  package let documents: Range<Int>

  /// The number of documents.
  public var documentCount: Int { documents.count }

  private let text: TokenText
  private let start: Int

  init(_ text: TokenText, start: Int, tokenCount: Int, byteCount: Int, documents: Range<Int>) {
    self.text = text
    self.start = start
    self.tokenCount = tokenCount
    self.byteCount = byteCount
    self.documents = documents
  }

  /// Copies tokens into a span as 32-bit ids, from place `offset` of it on.
  ///
  /// - Precondition: `range` lies within `0..<tokenCount`; `tokens` has room for it.
  /// - Throws: `Failure`: `.badData` with file, offset and id if an id is beyond the vocabulary, `.inputOutput` if the
  ///   file has become shorter, `.missingInput` if the text is on another machine.
  public func copy(_ range: Range<Int>, into tokens: inout MutableSpan<Int32>, at offset: Int = 0) throws(Failure) {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= tokenCount, "tokens \(range) of a slice of \(tokenCount) tokens")
    precondition(
      offset >= 0 && range.count <= tokens.count - offset, "\(range.count) tokens do not fit into \(tokens.count)")
    try tokens.withUnsafeMutableBufferPointer { (all) throws(Failure) in
      try text.copy(
        from: start + range.lowerBound,
        into: UnsafeMutableBufferPointer(rebasing: all[offset..<(offset + range.count)]))
    }
  }

  /// Copies tokens into a new array.
  ///
  /// - Precondition: `range` lies within `0..<tokenCount`.
  /// - Throws: `Failure(.badData)` with file, offset and id if an id is beyond the vocabulary.
  public func tokens(_ range: Range<Int>) throws(Failure) -> [Int32] {
    var result = [Int32](repeating: 0, count: range.count)
    var span = result.mutableSpan
    try copy(range, into: &span)
    return result
  }
}
