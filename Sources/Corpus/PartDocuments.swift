import Failures
import Storage

/// The documents of one part of a corpus, by their numbers in its files.
public struct PartDocuments: Sendable {
  private let text: TokenText

  init(_ text: TokenText) { self.text = text }

  /// The number of documents, here or on other machines.
  public var count: Int { text.documentCount }

  /// Reads the tokens of a document, its end included, into `tokens`, whose content is replaced.
  ///
  /// - Throws: `Failure`: `.badData` with file, offset and id if an id is beyond the vocabulary, `.inputOutput` if the
  ///   file has become shorter, `.missingInput` if the document is on another machine.
  public func read(_ document: Int, into tokens: inout [Int32]) throws(Failure) {
    let place = try text.tokens(ofDocument: document)
    if tokens.count > place.count { tokens.removeLast(tokens.count - place.count) }
    while tokens.count < place.count { tokens.append(0) }
    try tokens.withUnsafeMutableBufferPointer { (all: inout UnsafeMutableBufferPointer<Int32>) throws(Failure) in
      try text.copy(from: place.lowerBound, into: all)
    }
  }
}

extension Corpus {
  /// The documents of a part.
  package func documents(_ part: Manifest.Part) -> PartDocuments {
    guard let text = parts[part] else { preconditionFailure("an open corpus has all parts") }
    return PartDocuments(text)
  }
}
