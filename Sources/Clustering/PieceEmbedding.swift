import Corpus
import Kernels

/// TF-IDF over the tokenizer's pieces, reduced by a random projection: the product of a document's row of weights with
/// a matrix of random signs.
///
/// Inner products keep a standard error of about 1 / sqrt(dimensions) (Achlioptas, 2003). Signs are a pure function of
/// seed and piece, so the projection is never stored.
public struct PieceEmbedding: DocumentEmbedding {
  /// What the vectors are.
  public let kind = Manifest.ClusteringRecord.Vectors.pieces
  /// What pieces weigh.
  public let weights: PieceWeights
  /// The elements of a vector.
  public let dimensions: Int

  private let projection: [Float]
  private var document: WeighedDocument
  private var tokens: [Int32] = []

  /// Draws the projection.
  public init(weights: PieceWeights, dimensions: Int = 256, seed: Int) {
    precondition(dimensions > 0)
    self.weights = weights
    self.dimensions = dimensions
    document = WeighedDocument(weights)
    let random = Philox(seed: UInt64(bitPattern: Int64(seed)))
    var signs = [Float](repeating: 1, count: weights.values.count * dimensions)
    for piece in weights.values.indices {
      for first in stride(from: 0, to: dimensions, by: 128) {
        let (low, high) = random.pair(first / 128, piece, stream: RandomStream.projection.rawValue)
        for place in first..<min(first + 128, dimensions) {
          let bit = (place - first < 64 ? low : high) >> UInt64((place - first) % 64) & 1
          if bit == 1 { signs[piece * dimensions + place] = -1 }
        }
      }
    }
    projection = signs
  }

  /// Writes the vectors of consecutive documents into as many rows.
  public mutating func embed(_ places: Range<Int>, of list: DocumentList, into rows: Matrix) throws {
    for (row, place) in places.enumerated() {
      try list.read(place, into: &tokens)
      document.weigh(tokens)
      sparseProduct(
        document.pieces.span, document.factors.span, by: projection.span, into: rows.rows(row, count: 1))
    }
  }
}

/// The independent sequences of random numbers of a clustering, apart from those of sampling.
enum RandomStream: UInt32 {
  case projection = 0x100
  case sample, seeding, mending, order
}
