import ArgumentParser
import Corpus
import Printing

/// Builds corpora and looks into them.
struct CorpusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "corpus", abstract: "Build a corpus of domains, or look into one.",
    subcommands: [Build.self, Inspect.self])

  /// Turns text into a corpus.
  struct Build: Stoppable {
    static let configuration = CommandConfiguration(
      abstract: "Turn directories, files and JSONL of text into a corpus of domains.")

    @Argument(help: "The recipe: tokenizer, domains and targets, as YAML.")
    var recipe: String

    @Argument(help: "Changes to the recipe, such as tokenizer.vocabulary=8192.")
    var overrides: [String] = []

    @Option(name: .shortAndLong, help: "The corpus directory to make.")
    var output: String

    @Flag(help: "Replace a corpus that is there; its files alone are removed.")
    var replace = false

    func run() throws {
      let recipe = try Recipe(contentsOf: recipe, overrides: overrides)
      let corpus = try Corpus.build(recipe: recipe, output: output, replace: replace) { Console.note($0) }
      try Console.print(corpus.report().table)
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
      let report = corpus.report(budget: budget)
      try Console.print(json ? JSON.pretty.text(report) : report.table)
    }
  }
}
