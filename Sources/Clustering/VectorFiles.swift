import Corpus
import Kernels
import MPI
import Printing
import Storage

/// The files by which other programs learn of a corpus' documents and their vectors.
public struct VectorFiles {
  /// The names of documents, a line each: part, owner and number, such as `train/perl/17`.
  public static let namesFile = "documents.txt"
  /// The vectors in the same order, (documents, dimensions).
  public static let vectorsFile = "vectors.npy"

  private static let atOnce = 4096

  /// Writes both files into a new directory, on rank 0.
  ///
  /// Collective: every rank calls.
  ///
  /// - Throws: `Failure`, agreed; `MPIError`.
  public static func write(of corpus: Corpus, seed: Int, to output: String, over world: borrowing Communicator) throws {
    let list = DocumentList(of: corpus)
    let weights = try PieceWeights(of: list, corpus, over: world)
    try world.agree {
      guard world.rank == 0 else { return }
      var directory = try OutputDirectory(output)
      try writeNames(of: corpus, to: "\(directory.path)/\(namesFile)")
      var embedding = PieceEmbedding(weights: weights, seed: seed)
      var file = try NumPyWriter<Float>(
        path: "\(directory.path)/\(vectorsFile)", shape: [list.count, embedding.dimensions])
      for first in stride(from: 0, to: list.count, by: atOnce) {
        let vectors = try DocumentVectors(first..<min(first + atOnce, list.count), of: list, by: &embedding)
        try file.write(elements(of: vectors.rows).span)
      }
      try file.finish()
      try directory.commit()
    }
  }

  private static func writeNames(of corpus: Corpus, to path: String) throws {
    var file = try OutputFile(path)
    func write(_ part: Manifest.Part, _ owner: String, _ documents: Int) throws {
      for document in 0..<documents { try file.write(Array("\(part)/\(owner)/\(document)\n".utf8)) }
    }
    for domain in corpus.domains { try write(.train, domain.name, domain.train.documentCount) }
    for domain in corpus.domains { try write(.validation, domain.name, domain.validation.documentCount) }
    for target in corpus.targets { try write(.steering, target.name, target.steering.documentCount) }
    for target in corpus.targets { try write(.evaluation, target.name, target.evaluation.documentCount) }
    _ = try file.finish()
  }
}
