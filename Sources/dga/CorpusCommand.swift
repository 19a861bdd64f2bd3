import ArgumentParser
import Clustering
import Corpus
import Kernels
import Liveness
import MPI
import Printing

/// The ranks of a program build a corpus together.
extension Communicator: WorkGroup {}

/// The option `--shards` of commands that make a corpus.
enum Shards {
  static let help: ArgumentHelp =
    "Directories to cut the corpus into, of equal size, each of which can be moved to the disk of a node."

  static func check(_ shards: Int?) throws {
    guard let shards, !(1...10_000).contains(shards) else { return }
    throw ValidationError("--shards is from 1 to 10000.")
  }
}

/// Builds corpora and looks into them.
struct CorpusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "corpus", abstract: "Build a corpus of domains, or look into one.",
    subcommands: [Build.self, Inspect.self, Vectors.self])

  /// Turns text into a corpus.
  struct Build: Stoppable {
    static let configuration = CommandConfiguration(
      abstract: "Turn directories, files and JSONL of text into a corpus of domains.",
      usage: "mpirun -np N dga corpus build RECIPE.yaml [key.path=value ...] -o DIR [--shards N] [--replace]")

    @Argument(help: "The recipe: tokenizer, domains and targets, as YAML.")
    var recipe: String

    @Argument(help: "Changes to the recipe, such as tokenizer.vocabulary=8192.")
    var overrides: [String] = []

    @Option(name: .shortAndLong, help: "The corpus directory to make.")
    var output: String

    @Option(help: Shards.help)
    var shards: Int?

    @Flag(help: "Replace a corpus that is there; its files alone are removed.")
    var replace = false

    func validate() throws { try Shards.check(shards) }

    func run() throws {
      let policy = Watchdog.Policy.patient(remedy: "the same command goes on from what is done")
      try Ranks.run(watchedBy: policy) { world, _ in
        let recipe = try world.agree { try Recipe(contentsOf: self.recipe, overrides: overrides) }
        let journal = BuildJournal()
        defer { journal.finish() }
        try Corpus.build(
          recipe: recipe, output: output, shards: shards, replace: replace, over: world,
          BuildObserver(note: journal.note, progress: journal.show))
        try world.agree { if world.rank == 0 { try Console.print(Corpus(at: output).report().table) } }
      }
    }
  }

  /// Writes what other programs need to make vectors of documents, or to use those made here.
  struct Vectors: Stoppable {
    static let configuration = CommandConfiguration(
      abstract: "Write the names of all documents (documents.txt) and their vectors in the same order (vectors.npy).")

    @Argument(help: "The corpus directory.")
    var corpus: String

    @Option(name: .shortAndLong, help: "The directory to make.")
    var output: String

    @Option(help: "The seed of the projection.")
    var seed = ClusterSettings.defaults.seed

    func run() throws {
      try Ranks.run(watchedBy: .patient(remedy: "nothing was written")) { world, _ in
        Threads.start(1)
        let opened = try world.agree {
          let opened = try Corpus(at: corpus)
          try opened.checkText()
          return opened
        }
        try VectorFiles.write(of: opened, seed: seed, to: output, over: world)
      }
    }
  }

  /// Describes a corpus.
  struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show domains, documents, tokens and epochs of a corpus.")

    @Argument(help: "The corpus directory.")
    var corpus: String

    @Option(help: "Training tokens, to tell how often each domain would be read.")
    var budget: Int?

    @Flag(help: "Check every checksum and every token id.")
    var verify = false

    @Flag(help: "Print JSON instead of a table.")
    var json = false

    func validate() throws {
      if budget ?? 1 < 1 { throw ValidationError("--budget starts at 1.") }
    }

    func run() throws {
      let corpus = try Corpus(at: corpus)
      if verify {
        let checked = try corpus.verify()
        Console.note(checked)
      }
      var report = corpus.report(budget: budget)
      report.clusters = try corpus.clusters()
      try Console.print(json ? JSON.pretty.text(report) : report.table)
    }
  }
}
