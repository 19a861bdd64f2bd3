import Failures
import Foundation
import Printing
import Storage

extension Manifest {
  /// How the domains of a corpus came about that are clusters of another corpus' documents.
  public struct ClusteringRecord: Codable, Equatable, Sendable {
    /// What the documents' vectors were.
    public enum Vectors: String, Codable, Sendable {
      /// TF-IDF over pieces and a random projection.
      case pieces
      /// A file that another program had made.
      case file
      /// Mean hidden states of a trained run.
      case run

      /// Where the vectors come from, in words.
      package var origin: String {
        switch self {
        case .pieces: "the tokenizer's pieces"
        case .file: "a file"
        case .run: "a trained run"
        }
      }
    }

    /// What the documents' vectors were.
    public var vectors: Vectors
    /// The file or the run, if they came from one.
    public var origin: String?
    /// The elements of a vector.
    public var dimensions: Int
    /// The seed of the projection and the clusters.
    public var seed: Int

    /// Describes a clustering.
    public init(vectors: Vectors, origin: String?, dimensions: Int, seed: Int) {
      (self.vectors, self.origin, self.dimensions, self.seed) = (vectors, origin, dimensions, seed)
    }

    /// The file of the centers of all nodes of the tree, level after level, (nodes, dimensions).
    package static let centersFile = "centroids.npy"
    /// The file of how many steering documents of each target belong to each domain, (targets, domains).
    package static let histogramsFile = "histograms.npy"
    /// The file of what a person may want to know of each domain: a JSON object on a line of its own.
    package static let clustersFile = "clusters.jsonl"
    /// The file of what pieces weigh, (vocabulary).
    package static let weightsFile = "weights.npy"

    var fileNames: [String] {
      [Self.centersFile, Self.histogramsFile, Self.clustersFile] + (vectors == .pieces ? [Self.weightsFile] : [])
    }

    /// The numbers of elements that a vector may have.
    package static let possibleDimensions = 1...1 << 20

    var isPossible: Bool { Self.possibleDimensions.contains(dimensions) }
  }
}

/// What a person may want to know of one cluster.
public struct ClusterRecord: Codable, Equatable, Sendable {
  /// The name of the domain.
  public var name: String
  /// Its documents to train on.
  public var documents: Int
  /// The pieces that tell it from others, the most telling first.
  public var words: [String]
  /// The documents to train on that came from each domain of the corpus that was clustered.
  public var sources: [String: Int]

  /// Describes a cluster.
  public init(name: String, documents: Int, words: [String], sources: [String: Int]) {
    (self.name, self.documents, self.words, self.sources) = (name, documents, words, sources)
  }

  /// The sources, the largest first.
  public var ranking: [(name: String, share: Double)] {
    sources.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .map { ($0.key, Double($0.value) / Double(max(documents, 1))) }
  }
}

extension Corpus {
  /// The clusters in the order of the domains; nil if the domains are no clusters.
  ///
  /// - Throws: `Failure(.badData)` with the line that is damaged.
  public func clusters() throws -> [ClusterRecord]? {
    guard manifest.clustering != nil else { return nil }
    let file = try MappedFile("\(home)/\(Manifest.ClusteringRecord.clustersFile)")
    let lines = file.content.split(separator: 0x0A)
    guard lines.count == domains.count else {
      throw Failure(.badData, "\(file.path) has \(lines.count) lines, where \(domains.count) are expected.")
    }
    return try lines.enumerated().map { place, line in
      do {
        let record = try JSON.line.decode(ClusterRecord.self, from: Data(line))
        guard record.name == domains.name(place), record.documents == domains.train(place).documentCount else {
          throw Failure(.badData, "\(file.path), line \(place + 1): This is another corpus' cluster.")
        }
        // Each on its own first, so that the sum cannot overflow.
        guard record.sources.values.allSatisfy({ (1...record.documents).contains($0) }),
          record.sources.values.reduce(0, +) == record.documents
        else {
          throw Failure(
            .badData,
            "\(file.path), line \(place + 1): The documents of the sources are not \(record.documents) together.")
        }
        return record
      } catch let error as DecodingError {
        throw Failure(.badData, "\(file.path), line \(place + 1): \(JSON.explanation(of: error))")
      }
    }
  }
}
