import Corpus
import Failures
import Kernels
import Storage

/// Vectors that another program has made: an `.npy` file with a row for each document, in the order of the list.
public struct StoredEmbedding: DocumentEmbedding {
  /// What the vectors are.
  public let kind = Manifest.ClusteringRecord.Vectors.file
  /// The elements of a vector.
  public let dimensions: Int
  private let file: NumPyFile

  /// Opens the file of the vectors of a corpus' documents.
  ///
  /// - Throws: `Failure`: `.missingInput` if there is no file, `.badData` if it is no array of vectors, or has another
  ///   number of them than there are documents.
  public init(_ path: String, of list: DocumentList) throws {
    file = try NumPyFile(path: path)
    guard file.shape.count == 2 else {
      throw Failure(.badData, "\(path) has the shape \(file.shape), where one row of numbers per document is expected.")
    }
    let possible = Manifest.ClusteringRecord.possibleDimensions
    guard possible.contains(file.shape[1]) else {
      throw Failure(
        .badData,
        "\(path) has vectors of \(file.shape[1]) elements, where \(possible.lowerBound) to \(possible.upperBound) are "
          + "possible.")
    }
    guard ![.int32, .int64].contains(file.element) else {
      throw Failure(
        .badData, "\(path) has integers (\(file.element.rawValue)), where numbers with a fraction are expected.")
    }
    guard file.shape[0] == list.count else {
      throw Failure(
        .badData,
        "\(path) has \(file.shape[0]) rows, but the corpus has \(list.count) documents; 'dga corpus vectors' writes "
          + "their names in the order of the rows.")
    }
    dimensions = file.shape[1]
  }

  /// Copies the rows of the documents.
  public mutating func embed(_ places: Range<Int>, of list: DocumentList, into rows: Matrix) throws {
    var values = [Float](repeating: 0, count: places.count * dimensions)
    var span = values.mutableSpan
    try file.read(places.lowerBound * dimensions..<places.upperBound * dimensions, into: &span)
    copy(values.span, to: rows)
  }
}
