import ArgumentParser
import Corpus
import Foundation
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

    func run() throws {
      let recipe = try Recipe(contentsOf: recipe, overrides: overrides)
      let corpus = try Corpus.build(recipe: recipe, output: output) { line in
        FileHandle.standardError.write(Data((line + "\n").utf8))
      }
      print(corpus.report().table)
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

    func run() throws {
      let corpus = try Corpus(at: corpus)
      if verify {
        let checked = try corpus.verify()
        FileHandle.standardError.write(Data((checked + "\n").utf8))
      }
      let report = corpus.report(budget: budget)
      if json {
        print(try JSON.pretty.text(report))
      } else {
        print(report.table)
      }
    }
  }
}
