import Failures

/// The text of one part of a corpus: token files that follow each other, of which some may be on other machines.
///
/// Tokens and documents are counted from the beginning of the part, whatever files are here.
final class TokenText: Sendable {
  /// A file, and the tokens and documents of the part that are in it.
  struct Piece: Sendable {
    let file: TokenFile
    let tokens, documents: Range<Int>

    /// Takes a whole file.
    init(_ file: TokenFile, firstToken: Int = 0, firstDocument: Int = 0) {
      self.file = file
      tokens = firstToken..<firstToken + file.index.tokenCount
      documents = firstDocument..<firstDocument + file.index.documentCount
    }

    /// Where a document of the file begins, or the last one ends.
    func position(ofDocument document: Int) -> Int {
      tokens.lowerBound + file.index.position(ofDocument: document - documents.lowerBound)
    }
  }

  /// The files that are here, in their order.
  let pieces: [Piece]
  /// All tokens and documents of the part, here or elsewhere.
  let tokenCount, documentCount: Int
  let vocabularySize: Int
  /// What is here, if that is not all, and what to do about it.
  private let absence: String

  /// Takes a part that is one file.
  init(_ file: TokenFile) {
    pieces = [Piece(file)]
    (tokenCount, documentCount) = (file.index.tokenCount, file.index.documentCount)
    vocabularySize = file.vocabularySize
    absence = ""
  }

  /// Takes those files of a part that are here.
  ///
  /// - Parameters:
  ///   - pieces: Some at least, in their order.
  ///   - absence: Says what is missing, and what to do about it.
  init(_ pieces: [Piece], tokenCount: Int, documentCount: Int, absence: String) {
    self.pieces = pieces
    (self.tokenCount, self.documentCount) = (tokenCount, documentCount)
    vocabularySize = pieces[0].file.vocabularySize
    self.absence = absence
  }

  /// Copies tokens as 32-bit ids.
  ///
  /// - Precondition: the tokens lie within the part.
  /// - Throws: `Failure`: `.badData` with file, offset and id if an id is beyond the vocabulary, `.inputOutput` if a
  ///   file has become shorter, `.missingInput` if a token is not here.
  func copy(from first: Int, into target: UnsafeMutableBufferPointer<Int32>) throws(Failure) {
    let end = first + target.count
    precondition(first >= 0 && end <= tokenCount, "tokens beyond the end of the text")
    var next = first
    for piece in pieces where next < end && piece.tokens.contains(next) {
      let last = min(end, piece.tokens.upperBound)
      let part = UnsafeMutableBufferPointer(rebasing: target[(next - first)..<(last - first)])
      try piece.file.read(from: next - piece.tokens.lowerBound, into: part)
      next = last
    }
    guard next == end else { throw missing }
  }

  /// Finds the tokens of a document, its end included.
  ///
  /// - Throws: `Failure(.missingInput)` if it is not here.
  func tokens(ofDocument document: Int) throws(Failure) -> Range<Int> {
    precondition(document >= 0 && document < documentCount, "document \(document) of \(documentCount)")
    guard let piece = pieces.first(where: { $0.documents.contains(document) }) else { throw missing }
    let first = piece.position(ofDocument: document)
    return first..<max(first, piece.position(ofDocument: document + 1))
  }

  private var missing: Failure { Failure(.missingInput, absence) }
}
