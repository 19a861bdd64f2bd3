import Corpus
import Failures
import Kernels
import MPI
import Storage

/// The clusters of a corpus, which say where other documents belong.
public struct SavedClusters {
  /// How they came about.
  public let record: Manifest.ClusteringRecord
  private let corpus: Corpus
  private let tree: ClusterTree
  private let centers: NumPyFile

  /// Opens the clusters of a corpus.
  ///
  /// - Throws: `Failure`: `.usage` if its domains are no clusters; `.badData` if a file is damaged.
  public init(of corpus: Corpus) throws {
    guard let record = corpus.manifest.clustering, let tree = corpus.tree else {
      throw Failure(.usage, "The domains of \(corpus.path) are not clusters; 'dga cluster' makes a corpus of clusters.")
    }
    centers = try NumPyFile(path: "\(corpus.home)/\(Manifest.ClusteringRecord.centersFile)")
    guard centers.shape == [tree.levels.reduce(0, +), record.dimensions] else {
      throw Failure(.badData, "\(centers.path) has the shape \(centers.shape), which is not that of the corpus' tree.")
    }
    (self.corpus, self.record, self.tree) = (corpus, record, tree)
  }

  /// What makes vectors of other documents, as those of the clusters were made.
  ///
  /// - Throws: `Failure`: `.usage` if the vectors were not made of pieces; `.badData` if the weights are damaged.
  public func embedding() throws -> PieceEmbedding {
    try check(.pieces)
    let file = try NumPyFile(path: "\(corpus.home)/\(Manifest.ClusteringRecord.weightsFile)")
    guard file.shape == [corpus.vocabularySize] else {
      throw Failure(.badData, "\(file.path) has the shape \(file.shape), not that of the vocabulary.")
    }
    var values = [Float](repeating: 0, count: file.count)
    var span = values.mutableSpan
    try file.read(0..<file.count, into: &span)
    return PieceEmbedding(weights: PieceWeights(values), dimensions: record.dimensions, seed: record.seed)
  }

  /// Refuses vectors of another kind than those that the clusters were made of.
  private func check(_ kind: Manifest.ClusteringRecord.Vectors) throws {
    guard kind != record.vectors else { return }
    let advice =
      switch record.vectors {
      case .pieces: "leave out --vectors"
      case .file: "give a file of such vectors of the new documents with --vectors"
      case .run: "give that run with --vectors"
      }
    throw Failure(
      .usage,
      "The clusters of \(corpus.path) were made of vectors from \(record.vectors.origin)"
        + "\(record.origin.map { " (\($0))" } ?? ""), so those from \(kind.origin) do not fit; \(advice).")
  }

  /// Finds the domain of each document of another corpus, in the order of the list.
  ///
  /// - Parameter embedding: Makes the vectors.
  /// - Throws: `Failure`: `.usage` if vectors are of another kind; `.badData` if the corpus has another tokenizer, or
  ///   vectors have another length; `.preempted`.
  public func domains(of other: Corpus, by embedding: inout any DocumentEmbedding) throws -> [Int32] {
    try check(embedding.kind)
    guard record.vectors != .pieces || other.tokenizer.hash == corpus.tokenizer.hash else {
      throw Failure(
        .badData,
        "\(other.path) was built with another tokenizer (\(other.tokenizer.hash)) than \(corpus.path) "
          + "(\(corpus.tokenizer.hash)); build it with `tokenizer: {file: ...}` naming that one's "
          + "\(Tokenizer.modelFileName)."
      )
    }
    guard embedding.dimensions == record.dimensions else {
      throw Failure(
        .badData,
        "The vectors have \(embedding.dimensions) elements, but the clusters of \(corpus.path) have "
          + "\(record.dimensions)."
      )
    }
    var values = [Float](repeating: 0, count: centers.count)
    var span = values.mutableSpan
    try centers.read(0..<centers.count, into: &span)
    let search = ClusterSearch(tree, centers: values.span, dimensions: record.dimensions)
    let list = DocumentList(of: other)
    var result: [Int32] = []
    for first in stride(from: 0, to: list.count, by: Self.atOnce) {
      let places = first..<min(first + Self.atOnce, list.count)
      let vectors = try DocumentVectors(places, of: list, by: &embedding)
      result += search.domains(of: vectors.rows)
    }
    return result
  }

  private static let atOnce = 1 << 16
}
