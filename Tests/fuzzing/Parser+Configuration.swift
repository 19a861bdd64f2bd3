import Failures
import Mixing

@testable import Configuration
@testable import Corpus
@testable import Runs
@testable import Settings

extension Parser {
  /// YAML: configurations of runs and recipes of corpora.
  static let configuration = [
    Parser(name: "run") { input in
      let run = try RunDescription(contentsOf: try Scratch.write(input, to: "run.yaml"))
      try check(run)
    },
    Parser(name: "override") { input in
      let file = try Scratch.write("run: r\ncorpus: c\ntarget: t\n".utf8, to: "base.yaml")
      let text = String(decoding: input, as: UTF8.self)
      try check(try RunDescription(contentsOf: file, overrides: text.split(separator: "\n").map(String.init)))
    },
    Parser(name: "recipe") { input in
      _ = try Recipe(contentsOf: try Scratch.write(input, to: "recipe.yaml"))
    },
  ]

  /// Checks that what a run is written as is the same run, and makes its mixing method.
  private static func check(_ run: RunDescription) throws {
    let text = try run.yaml()
    let again = try RunDescription(contentsOf: try Scratch.write(text.utf8, to: "written.yaml"))
    guard try again.yaml() == text else { fatalError("the configuration written is another: \(text)") }
    var facts = RunFacts(domains: ["a", "b", "c"], tokens: [1000, 2000, 500])
    facts.targets = [Share("t", 1)]
    _ = try run.mixture.makeMethod(for: facts)
  }
}
