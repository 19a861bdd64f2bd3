import ArgumentParser
import Clustering
import Corpus
import Failures
import Foundation
import Kernels
import MPI
import Printing
import Storage
import Training

/// Makes a corpus whose domains are clusters, on all ranks under `mpirun`; or finds the clusters that another corpus'
/// documents belong to, on one rank.
struct Cluster: Stoppable {
  static let configuration = CommandConfiguration(
    abstract: "Group a corpus' documents by subject into any number of domains.",
    usage: """
      mpirun -np N dga cluster CORPUS -o DIR --domains N [--vectors FILE.npy|RUN] [--branching B] [--shards N] [--json]
      dga cluster --assign CLUSTERED CORPUS -o FILE.npy [--vectors FILE.npy|RUN]
      """,
    discussion: """
      docs/domains.md says how vectors and clusters are made. With --assign nothing is clustered: the file has the \
      number of the domain of CLUSTERED that each document of CORPUS belongs to.
      """)

  @Argument(help: ArgumentHelp("The corpus directory.", valueName: "corpus"))
  var path: String

  private static let defaults = ClusterSettings.defaults

  @Option(name: .shortAndLong, help: "The corpus directory to make; with --assign the .npy file.")
  var output: String

  @Option(help: "The number of clusters. (default: \(defaults.domains))")
  var domains: Int?

  @Option(help: "Other vectors than those of pieces: an .npy file with a row for each document, or a trained run.")
  var vectors: String?

  @Option(
    help: "The most clusters that a cluster is split into: more domains make a tree. (default: \(defaults.branching))")
  var branching: Int?

  @Option(help: "The seed of vectors, first centers and the order of documents. (default: \(defaults.seed))")
  var seed: Int?

  @Option(help: "The most times that the documents of a cluster are assigned anew. (default: \(defaults.iterations))")
  var iterations: Int?

  @Flag(help: "Make clusters of about equal size.")
  var balanced = false

  @Option(help: Shards.help)
  var shards: Int?

  @Option(
    help: ArgumentHelp("Only say to which domain of this corpus of clusters documents belong.", valueName: "corpus"))
  var assign: String?

  @Flag(help: "Replace a corpus that is there; its files alone are removed.")
  var replace = false

  @Flag(help: "Print JSON instead of a table.")
  var json = false

  func validate() throws {
    if let domains, !(1...1 << 30).contains(domains) { throw ValidationError("--domains is from 1 to 2^30.") }
    if let branching, !(2...1 << 20).contains(branching) { throw ValidationError("--branching is from 2 to 2^20.") }
    if let iterations, !(1...10_000).contains(iterations) { throw ValidationError("--iterations is from 1 to 10000.") }
    try Shards.check(shards)
    guard assign != nil else { return }
    if domains != nil || branching != nil || seed != nil || iterations != nil || balanced || shards != nil || replace
      || json
    {
      throw ValidationError("With --assign there are no other options than --vectors and -o.")
    }
  }

  func run() throws {
    try Ranks.run(watchedBy: .patient(remedy: "nothing was written")) { world, _ in
      Threads.start(1)
      let corpus = try world.agree { try Corpus(at: path) }
      if let assign {
        try world.agree { if world.rank == 0 { try write(assign, corpus) } }
        return
      }
      let line = MovingLine()
      defer { line.finish() }
      let made = try job(corpus).run(
        output: output, shards: shards, replace: replace, over: world, report: line.note,
        progress: { if line.isDue(isLast: false) { line.show($0) } })
      line.finish()
      try world.agree {
        guard let made else { return }
        var report = made.report()
        report.clusters = try made.clusters()
        try Console.print(json ? JSON.pretty.text(report) : report.table)
      }
    }
  }

  private var settings: ClusterSettings {
    var settings = ClusterSettings(domains: domains ?? Self.defaults.domains)
    settings.branching = branching ?? settings.branching
    settings.seed = seed ?? settings.seed
    settings.iterations = iterations ?? settings.iterations
    settings.isBalanced = balanced
    return settings
  }

  private func job(_ corpus: Corpus) -> ClusterJob {
    guard let vectors else { return ClusterJob(corpus, settings) }
    return ClusterJob(corpus, settings, origin: vectors) { list, _ in
      try Self.embedding(vectors, list, corpus)
    }
  }

  /// Whether vectors come from a run, and not from a file.
  private static func isRun(_ path: String) -> Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
  }

  private static func embedding(
    _ vectors: String, _ list: DocumentList, _ corpus: Corpus
  ) throws -> any DocumentEmbedding {
    isRun(vectors) ? try HiddenStateEmbedding(at: vectors, for: corpus) : try StoredEmbedding(vectors, of: list)
  }

  /// Writes the domain of each document, on one rank.
  private func write(_ clustered: String, _ corpus: Corpus) throws {
    try DurableFile.create(output) { temporary in
      let domains = try domains(of: corpus, among: SavedClusters(of: Corpus(at: clustered)))
      var file = try NumPyWriter<Int32>(path: temporary, shape: [domains.count])
      try file.write(domains.span)
      try file.finish()
    }
  }

  private func domains(of corpus: Corpus, among clusters: SavedClusters) throws -> [Int32] {
    var embedding: any DocumentEmbedding =
      if let vectors { try Self.embedding(vectors, DocumentList(of: corpus), corpus) } else { try clusters.embedding() }
    return try clusters.domains(of: corpus, by: &embedding)
  }
}
