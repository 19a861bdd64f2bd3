import Corpus
import Failures
import Kernels
import Storage

/// How many steering documents of a target belong to each domain of a corpus.
public enum TargetHistogram {
  /// The most documents that stand for a domain that is no cluster, and for all such domains together.
  private static let documentsPerDomain = 256
  private static let documents = 1 << 16

  /// Counts the steering documents of a target in each domain, (domains).
  ///
  /// Clusters have their histograms in a file. A domain that is no cluster has the mean vector of some of its documents
  /// for its center, the first ones, which are in random order, and each document of the target belongs to the nearest.
  /// Every process comes to the same counts.
  ///
  /// - Throws: `Failure`: `.badConfiguration` if there is no such target, `.badData` if a file is damaged.
  public static func of(_ target: String, in corpus: Corpus) throws -> [Int] {
    let documents = try corpus.target(named: target).steering.documents
    return corpus.manifest.clustering == nil
      ? try counted(documents, in: corpus) : try stored(target, in: corpus, documents: documents.count)
  }

  private static func stored(_ target: String, in corpus: Corpus, documents: Int) throws -> [Int] {
    let file = try NumPyFile(path: "\(corpus.home)/\(Manifest.ClusteringRecord.histogramsFile)")
    guard file.shape == [corpus.targets.count, corpus.domains.count],
      let row = corpus.targets.firstIndex(where: { $0.name == target })
    else {
      throw Failure(.badData, "\(file.path) has the shape \(file.shape), not one row for each target.")
    }
    let counts = try file.integers(row * file.shape[1]..<(row + 1) * file.shape[1])
    guard counts.allSatisfy({ (0...documents).contains($0) }), counts.reduce(0, +) == documents else {
      throw Failure(.badData, "\(file.path): The counts of target '\(target)' are not those of \(documents) documents.")
    }
    return counts
  }

  private static func counted(_ steering: Range<Int>, in corpus: Corpus) throws -> [Int] {
    try corpus.checkText()
    let list = DocumentList(of: corpus)
    let most = max(1, min(documentsPerDomain, documents / corpus.domains.count))
    let samples = corpus.domains.indices.map { corpus.domains.train($0).documents.prefix(most) }
    var embedding = PieceEmbedding(weights: try PieceWeights(of: Array(samples.joined()), list, corpus), seed: 1)
    let dimensions = embedding.dimensions
    let storage = Arena(count: samples.count * dimensions)
    let centers = storage.matrix(at: 0, rows: samples.count, columns: dimensions)
    for (domain, sample) in samples.enumerated() {
      let vectors = try DocumentVectors(sample, of: list, by: &embedding)
      let center = centers.rows(domain, count: 1)
      for row in 0..<sample.count { add(vectors.rows.rows(row, count: 1), to: center) }
      let length = sumOfSquares(center).squareRoot()
      if length > 0 { scale(center, by: Float(1 / length)) }
    }
    let vectors = try DocumentVectors(list.places(of: .steering)[offset: steering], of: list, by: &embedding)
    var counts = [Int](repeating: 0, count: samples.count)
    var search = NearestSearch(dimensions: dimensions)
    let rows = (0..<Int32(steering.count)).map { $0 }
    search.run(vectors.rows, rows: rows[...], centers: centers) { _, _, domain, _ in counts[domain] += 1 }
    return counts
  }
}
