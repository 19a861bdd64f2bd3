import Corpus
import Failures
import Kernels
import Signals

/// What turns documents into vectors.
public protocol DocumentEmbedding {
  /// What the vectors are: those of different kinds cannot be compared.
  var kind: Manifest.ClusteringRecord.Vectors { get }

  /// The number of elements of a vector.
  var dimensions: Int { get }

  /// Writes the vectors of consecutive documents into as many rows.
  ///
  /// - Throws: `Failure`.
  mutating func embed(_ places: Range<Int>, of list: DocumentList, into rows: Matrix) throws
}

/// Vectors of some consecutive documents, a row each, of length 1; a document without any feature has zeros.
public struct DocumentVectors: ~Copyable {
  /// The documents, by their places in the list.
  public let places: Range<Int>
  private let arena: Arena
  /// The vectors, (documents, dimensions).
  public let rows: Matrix

  private static let atOnce = 256
  static let consequenceOfStopping = "nothing was written"

  /// Makes the vectors.
  ///
  /// - Parameter progress: Is called with the number of documents done, now and then.
  /// - Throws: `Failure`: `.badData` if a vector is not finite, `.preempted`; what the embedding throws.
  public init(
    _ places: Range<Int>, of list: DocumentList, by embedding: inout some DocumentEmbedding,
    progress: (_ done: Int) -> Void = { _ in }
  ) throws {
    let dimensions = embedding.dimensions
    arena = Arena(count: places.count * dimensions)
    rows = arena.matrix(at: 0, rows: places.count, columns: dimensions)
    self.places = places
    for first in stride(from: 0, to: places.count, by: Self.atOnce) {
      try StopSignal.check(Self.consequenceOfStopping)
      let count = min(Self.atOnce, places.count - first)
      let part = rows.rows(first, count: count)
      let start = places.lowerBound + first
      try embedding.embed(start..<start + count, of: list, into: part)
      for row in 0..<count { try Self.normalize(part.rows(row, count: 1), document: start + row) }
      progress(first + count)
    }
  }

  private static func normalize(_ row: Matrix, document: Int) throws(Failure) {
    let square = sumOfSquares(row)
    guard square.isFinite else {
      throw Failure(.badData, "The vector of document \(document) has an element that is not finite, or too large.")
    }
    if square > 0 { scale(row, by: Float(1 / square.squareRoot())) }
  }
}
