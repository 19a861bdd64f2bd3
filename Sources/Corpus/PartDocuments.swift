import Failures
import Storage

/// The documents of one part of a corpus, by their numbers in its files.
public struct PartDocuments: Sendable {
  private let file: TokenFile

  init(_ file: TokenFile) { self.file = file }

  /// The number of documents.
  public var count: Int { file.index.documentCount }

  /// The number of tokens of consecutive documents, ends included.
  public func tokenCount(_ documents: Range<Int>) -> Int {
    file.index.position(ofDocument: documents.upperBound) - file.index.position(ofDocument: documents.lowerBound)
  }

  /// Reads the tokens of a document, its end included, into `tokens`, whose content is replaced.
  ///
  /// - Throws: `Failure`: `.badData` with file, offset and id if an id is beyond the vocabulary, `.inputOutput` if the
  ///   file has become shorter.
  public func read(_ document: Int, into tokens: inout [Int32]) throws(Failure) {
    let first = file.index.position(ofDocument: document)
    let count = max(0, file.index.position(ofDocument: document + 1) - first)
    if tokens.count > count { tokens.removeLast(tokens.count - count) }
    while tokens.count < count { tokens.append(0) }
    try file.data.checkSize()
    let largest = tokens.withUnsafeMutableBufferPointer { file.copy(from: first, into: $0) }
    try file.data.checkSize()
    guard largest < file.vocabularySize || count == 0 else { throw file.outsideVocabulary(tokens.span, from: first) }
  }
}

extension Corpus {
  /// The documents of a part.
  package func documents(_ part: Manifest.Part) -> PartDocuments {
    guard let file = parts[part] else { preconditionFailure("an open corpus has all parts") }
    return PartDocuments(file)
  }
}
