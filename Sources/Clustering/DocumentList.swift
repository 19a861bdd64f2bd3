import Corpus
import Failures

extension Range<Int> {
  /// The part that another range has, counted from this one's beginning.
  subscript(offset part: Range<Int>) -> Range<Int> { lowerBound + part.lowerBound..<lowerBound + part.upperBound }
}

/// All documents of a corpus in one fixed order: those to train on, then validation, steering and evaluation, each part
/// in the order of its files.
///
/// Vectors of documents have this order wherever they are written.
public struct DocumentList: Sendable {
  /// One part of the corpus, and its documents' places in the list.
  struct Part: Sendable {
    let name: Manifest.Part
    let documents: PartDocuments
    let places: Range<Int>
  }

  /// The parts in their order.
  let parts: [Part]

  /// The number of documents.
  public var count: Int { parts.last?.places.upperBound ?? 0 }

  /// Lists the documents of a corpus.
  public init(of corpus: Corpus) {
    var next = 0
    parts = Manifest.Part.allCases.map { part in
      let documents = corpus.documents(part)
      defer { next += documents.count }
      return Part(name: part, documents: documents, places: next..<next + documents.count)
    }
  }

  /// The places of a part's documents.
  package func places(of part: Manifest.Part) -> Range<Int> {
    parts.first { $0.name == part }?.places ?? 0..<0
  }

  /// Reads the tokens of a document, its end included, into `tokens`, whose content is replaced.
  ///
  /// - Throws: `Failure`: `.badData` if an id is beyond the vocabulary, `.inputOutput` if the file has become shorter.
  package func read(_ place: Int, into tokens: inout [Int32]) throws(Failure) {
    guard let part = parts.first(where: { $0.places.contains(place) }) else {
      preconditionFailure("there are \(count) documents")
    }
    try part.documents.read(place - part.places.lowerBound, into: &tokens)
  }
}
