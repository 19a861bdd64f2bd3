import Corpus
import Failures
import Kernels
import MPI
import Printing
import Storage

/// The making of a corpus whose domains are clusters of another's documents.
///
/// Documents that are trained on make the clusters; those that are held out go where the nearest centers are, and so do
/// steering documents, which only count for the targets' histograms. Evaluation documents are not looked at.
public struct ClusterJob {
  /// Makes the embedding of a corpus' documents, of which it may use what pieces weigh.
  public typealias MakeEmbedding = (DocumentList, PieceWeights) throws -> any DocumentEmbedding

  private let corpus: Corpus
  private let list: DocumentList
  private let settings: ClusterSettings
  private let origin: String?
  private let makeEmbedding: MakeEmbedding

  /// Describes the job.
  ///
  /// - Parameters:
  ///   - origin: The file or run that vectors come from; nil for those of pieces.
  ///   - makeEmbedding: Makes another embedding than that by pieces.
  public init(
    _ corpus: Corpus, _ settings: ClusterSettings, origin: String? = nil, makeEmbedding: MakeEmbedding? = nil
  ) {
    self.corpus = corpus
    self.settings = settings
    self.origin = origin
    list = DocumentList(of: corpus)
    self.makeEmbedding = makeEmbedding ?? { _, weights in PieceEmbedding(weights: weights, seed: settings.seed) }
  }

  /// Makes the corpus; rank 0 writes it.
  ///
  /// Collective: every rank calls. The files are the same whatever ranks there are.
  ///
  /// - Parameters:
  ///   - shards: Directories to cut the corpus into; nil for the whole in one.
  ///   - report: Is called on rank 0 with what a person should know.
  ///   - progress: Is called on rank 0, often, with a line that says how far the work is.
  /// - Returns: The corpus, on rank 0.
  /// - Throws: `Failure`, agreed; `MPIError`.
  public func run(
    output: String, shards: Int? = nil, replace: Bool, over world: borrowing Communicator,
    report: @escaping (String) -> Void, progress: @escaping (String) -> Void
  ) throws -> Corpus? {
    let isRoot = world.rank == 0
    let show = { (line: String) in if isRoot { progress(line) } }
    try world.agree {
      try corpus.checkText()
      let documents = list.places(of: .train).count
      try settings.check(documents: documents)
      if let shards { try Corpus.check(shards: shards, documents: documents) }
    }
    let writer = try world.agree { () -> CorpusRegrouping? in
      isRoot ? try CorpusRegrouping(of: corpus, output: output, replace: replace, report: report) : nil
    }
    let weights = try PieceWeights(of: list, corpus, over: world)
    var embedding = try world.agree { try makeEmbedding(list, weights) }
    let vectors = try self.vectors(of: .train, by: &embedding, over: world, report: show)
    let clustering = try Clustering(of: vectors.rows, settings, over: world, report: show)
    let centers = clustering.levels.flatMap(\.centers)
    let search = ClusterSearch(clustering.tree, centers: centers.span, dimensions: clustering.dimensions)
    var clustered = ClusteredDocuments(
      corpus: corpus, list: list, clustering: clustering, seed: settings.seed,
      words: try TellingWords(weights, of: list, corpus.tokenizer, over: world),
      train: try gathered(clustering.domains, .train, over: world),
      validation: try domains(of: .validation, by: &embedding, search, over: world),
      steering: try domains(of: .steering, by: &embedding, search, over: world))
    show("writing \(Words.count(clustering.levels.last?.documents.count ?? 0, "cluster"))")
    return try world.agree {
      guard let writer else { return nil }
      try clustered.write(to: writer)
      if embedding.kind == .pieces { try writer.write(weights) }
      let record = Manifest.ClusteringRecord(
        vectors: embedding.kind, origin: origin, dimensions: clustering.dimensions, seed: settings.seed)
      let made = try writer.finish(tree: clustering.tree, clustering: record, shards: shards, report: report)
      if made.domains.count < settings.domains {
        report(
          "The corpus has \(Words.count(made.domains.count, "cluster")) instead of \(settings.domains): some nodes of "
            + "the tree had too few documents with different vectors.")
      }
      return made
    }
  }

  private func vectors(
    of part: Manifest.Part, by embedding: inout any DocumentEmbedding, over world: borrowing Communicator,
    report: (String) -> Void
  ) throws -> DocumentVectors {
    let places = list.places(of: part)
    let share = places[offset: world.block(of: places.count, rank: world.rank)]
    let (size, start) = (world.size, ContinuousClock.now)
    return try world.agree {
      try DocumentVectors(share, of: list, by: &embedding) { done in
        guard done > share.count / 64 else { return }
        let elapsed = start.duration(to: .now) / .seconds(1)
        let left = elapsed / Double(done) * Double(share.count - done)
        report("vectors of about \(done * size) of \(places.count) documents, about \(Words.time(left)) left")
      }
    }
  }

  /// The domains of the documents of a part that is not trained on.
  private func domains(
    of part: Manifest.Part, by embedding: inout any DocumentEmbedding, _ search: borrowing ClusterSearch,
    over world: borrowing Communicator
  ) throws -> [Int32] {
    let vectors = try vectors(of: part, by: &embedding, over: world) { _ in }
    return try gathered(search.domains(of: vectors.rows), part, over: world)
  }

  /// The numbers that all ranks have for their blocks of a part's documents.
  private func gathered(
    _ own: [Int32], _ part: Manifest.Part, over world: borrowing Communicator
  ) throws -> [Int32] {
    let count = list.places(of: part).count
    var all = [Int32](repeating: 0, count: count)
    all.replaceSubrange(world.block(of: count, rank: world.rank), with: own)
    var span = all.mutableSpan
    try world.allGather(&span)
    return all
  }
}
