import Foundation
import Launching
import Testing

/// Something that the program refuses: changes to a good configuration or recipe, and what it has to say.
struct Refusal: Sendable, CustomTestStringConvertible {
  let testDescription: String
  /// Overrides, in which `PATH` stands for the workshop's directory.
  let overrides: [String]
  let status: Int32
  /// What the message has to mention.
  let fragments: [String]

  init(_ description: String, _ overrides: [String], _ status: Int32, _ fragments: String...) {
    testDescription = description
    self.overrides = overrides
    self.status = status
    self.fragments = fragments
  }
}

extension CommandLineTests {
  /// Input that cannot work: one sentence that helps, the right exit code, nothing left behind.
  @Suite struct RefusalTests {
    @Test(
      "A run that cannot work is refused before it starts",
      arguments: [
        Refusal("a misspelt key", ["mixture.etaa=1"], 78, "mixture.etaa", "Did you mean 'eta'?"),
        Refusal("a misspelt section", ["optimiser.clip=1"], 78, "optimiser", "Did you mean 'optimizer'?"),
        Refusal("a misspelt choice", ["mixture.method=dgaa"], 78, "mixture.method", "dgaa", "dga"),
        Refusal("a word for a number", ["optimizer.clip=much"], 78, "optimizer.clip", "much"),
        Refusal("a strange unit", ["duration=5fortnights"], 78, "duration", "5fortnights"),
        Refusal("an override without a value", ["seed"], 64, "'seed'", "key.path=value"),
        Refusal(
          "a misspelt domain", ["mixture.method=fixed", "mixture.weights={twin: 1, uper: 2}"], 78, "`uper`",
          "did you mean `upper`?"),
        Refusal(
          "a misspelt domain in a mixture file", ["mixture.method=fixed", "mixture.file=PATH/mixture.json"], 78,
          "mixture.file", "`digit`", "did you mean `digits`?"),
        Refusal("two step sizes", ["mixture.kl=0.1", "mixture.eta=1"], 78, "mixture.kl", "`eta` and `kl`"),
        Refusal(
          "caution without errors", ["mixture.estimator=gradients", "mixture.caution=shrink"], 78, "mixture.caution",
          "standard errors", "gradients"),
        Refusal(
          "cosines without norms", ["mixture.direction.cosine=true"], 78, "mixture.direction", "cosine", "inline",
          "dots"),
        Refusal("a misspelt steering target", ["mixture.direction.targets={targt: 1}"], 78, "'targt'", "'target'"),
        Refusal("no weights", ["mixture.method=fixed"], 78, "mixture", "weights"),
        Refusal(
          "a missing mixture file", ["mixture.method=fixed", "mixture.file=PATH/none.json"], 66, "mixture.file",
          "PATH/none.json"),
        Refusal(
          "a mixture file that is none", ["mixture.method=fixed", "mixture.file=PATH/run.yaml"], 65, "mixture.file",
          "PATH/run.yaml"),
        Refusal(
          "a key of another method on the command line", ["mixture.exponent=0.5"], 78, "mixture.exponent",
          "another choice"),
        Refusal("weights where a prior is meant", ["mixture.weights={twin: 1}"], 78, "mixture.weights", "`prior`"),
        Refusal("more sequences than there can be", ["batch.sequences=10000000000000000"], 78, "16777216"),
        Refusal("more steps than there can be", ["duration=1e15epochs"], 78, "duration", "at most 100000000"),
        Refusal(
          "a model that no node has memory for", ["model.width=100000", "model.heads=1"], 78, "TB of memory per rank",
          "the node has"),
        Refusal("a seed that is too large", ["seed=9223372036854775808"], 78, "to 9223372036854775807"),
        Refusal("an interval of nothing", ["evaluation.every=0steps"], 78, "evaluation.every", "at least a step"),
        Refusal("a misspelt target", ["target=tagret"], 78, "'tagret'", "Did you mean 'target'?"),
        Refusal("a missing corpus", ["corpus=PATH/none"], 66, "PATH/none", "dga corpus build"),
        Refusal("a corpus that is none", ["corpus=PATH/texts"], 66, "PATH/texts", "manifest.json"),
        Refusal("micro-batches that do not fit", ["batch.micro=3"], 78, "batch.micro", "1, 2, 4, 8, 16"),
        Refusal("a batch of broken sequences", ["batch={tokens: 1000}"], 78, "batch.tokens", "992 and 1024"),
        Refusal(
          "a batch given twice", ["batch.tokens=512", "batch.sequences=16"], 78, "batch.sequences", "no use next to"),
        Refusal("heads that do not divide the width", ["model.heads=3"], 78, "model.heads", "3 heads", "width of 32"),
        Refusal(
          "a context longer than any domain", ["model.context=1000000"], 65, "context",
          "twin, upper, digits, greek"),
        Refusal(
          "a context longer than the steering part", ["model.context=10000"], 65, "steering part of target target"),
        Refusal("a run below a file", ["run=PATH/run.yaml/new/run"], 73, "PATH/run.yaml/new", "Not a directory"),
        Refusal("a run in the place of a file", ["run=PATH/run.yaml"], 73, "PATH/run.yaml", "Not a directory"),
      ])
    func training(refusal: Refusal) throws { try check(refusal, .alone) }

    @Test(
      "Two ranks refuse a run together and say once why, whoever finds out",
      arguments: [
        Refusal("all, from the configuration", ["mixture.etaa=1"], 78, "mixture.etaa", "Did you mean 'eta'?"),
        Refusal(
          "all, from their number", ["batch.sequences=15"], 78, "batch.sequences", "15 sequences", "2 ranks",
          "1, 3, 5, 15"),
        Refusal("all, from the corpus", ["model.context=1000000"], 65, "context", "twin, upper, digits, greek"),
        Refusal("the first, from the directory", ["run=PATH/run.yaml/new/run"], 73, "PATH/run.yaml/new"),
      ])
    func trainingOnRanks(refusal: Refusal) throws { try check(refusal, .mpirun(2)) }

    private func check(_ refusal: Refusal, _ launch: Launch) throws {
      let workshop = try Workshop()
      try workshop.write("mixture.json", #"{"weights": {"digit": 1.0}, "final": {"digit": 1.0}}"#)
      let before = try workshop.listing()
      let overrides = refusal.overrides.map { $0.replacing("PATH", with: workshop.path) }
      let outcome = try workshop.start(launch, run: "new/run", overrides).wait()
      expect(outcome, refusal.status, refusal.fragments.map { $0.replacing("PATH", with: workshop.path) })
      #expect(try workshop.listing() == before)
    }

    @Test(
      "A corpus that cannot be built is refused, and nothing of it is left",
      arguments: [
        Refusal("a misspelt key", ["tokeniser.kind=bytes"], 78, "tokeniser", "Did you mean 'tokenizer'?"),
        Refusal("no domains", ["domains={}"], 78, "domains", "at least one"),
        Refusal("a missing path", ["domains.greek.paths=PATH/none"], 66, "domain 'greek'", "PATH/none"),
        Refusal(
          "an empty directory", ["domains.greek.paths=PATH/empty"], 66, "domain 'greek'", "PATH/empty", "no file"),
        Refusal(
          "a directory without such files", ["domains.greek.include=['*.md']"], 66, "domain 'greek'", "'*.md'"),
        Refusal("a domain of blank files", ["domains.greek.paths=PATH/blank"], 65, "domain 'greek'", "1 are empty"),
        Refusal("a domain of binary files", ["domains.greek.paths=PATH/binary"], 65, "domain 'greek'", "1 not text"),
        Refusal(
          "a domain of known texts", ["domains.greek.paths=PATH/texts/twin"], 65, "domain 'greek'", "also in"),
        Refusal(
          "a domain of the target's texts", ["domains.greek.paths=PATH/texts/target"], 65, "domain 'greek' is empty",
          "belongs to a target"),
        Refusal("lines without the field", ["domains.greek.paths=PATH/lines.jsonl"], 65, "PATH/lines.jsonl:2", "text"),
        Refusal("a target of one word", ["targets.target.paths=PATH/word"], 65, "target 'target'", "two documents"),
        Refusal("more steering than there is", ["targets.target.steering=500documents"], 78, "steering", "16", "500"),
        Refusal("a tokenizer that is none", ["tokenizer={file: PATH/run.yaml}"], 65, "PATH/run.yaml"),
        Refusal("a missing tokenizer", ["tokenizer={file: PATH/none.model}"], 66, "PATH/none.model"),
      ])
    func building(refusal: Refusal) throws {
      let workshop = try Workshop()
      try FileManager.default.createDirectory(atPath: workshop.path + "/empty", withIntermediateDirectories: true)
      try workshop.write("blank/a.txt", " \n\t\n")
      try workshop.write("binary/a.txt", Data([0, 1, 2, 0, 255, 254, 0, 7]))
      try workshop.write("word/a.txt", "x")
      try workshop.write("lines.jsonl", "{\"text\": \"A line.\"}\n{\"texts\": \"Another.\"}\n")
      let before = try workshop.listing()
      let overrides = refusal.overrides.map { $0.replacing("PATH", with: workshop.path) }
      let fragments = refusal.fragments.map { $0.replacing("PATH", with: workshop.path) }
      // A new corpus, in a directory that is not there yet, and one that would replace another.
      for output in ["new/corpus", "corpus"] {
        expect(try workshop.build(output: output, overrides), refusal.status, fragments)
        #expect(try workshop.listing() == before)
      }
    }

    @Test("A corpus goes neither below a file nor in the place of something else")
    func outputs() throws {
      let workshop = try Workshop(build: false)
      let before = try workshop.listing()
      let files = [
        ("run.yaml/new/corpus", "Not a directory"), ("run.yaml", "not a corpus"), ("texts", "not a corpus"),
      ]
      for (output, reason) in files {
        expect(try workshop.build(output: output), 73, ["\(workshop.path)/\(output.split(separator: "/")[0])", reason])
      }
      #expect(try workshop.listing() == before)
    }

    @Test("Files that are not there are named", arguments: [Launch.alone, .mpirun(2)])
    func missingFiles(launch: Launch) throws {
      expect(try run(launch.command("dga", ["train", "/nowhere/run.yaml"])), 66, ["/nowhere/run.yaml"])
      if case .mpirun = launch { return }
      expect(try run(launch.command("dga", ["corpus", "build", "/nowhere/a", "-o", "/nowhere/b"])), 66, ["/nowhere/a"])
      expect(try run(launch.command("dga", ["corpus", "inspect", "/nowhere/corpus"])), 66, ["/nowhere/corpus"])
      expect(try run(launch.command("dga", ["export", "/nowhere/run", "-o", "/nowhere/b"])), 66, ["/nowhere/run"])
    }

    @Test("A command line that makes no sense ends with 64 and is explained")
    func usage() throws {
      try expectUsage(["tran"], .alone, mentioning: "'tran'")
      try expectUsage(["train", "run.yaml", "--fast"], .alone, mentioning: "'--fast'")
      try expectUsage(["corpus", "build", "recipe.yaml"], .alone, mentioning: "'--output <output>'")
      try expectUsage(["corpus", "inspect", "corpus", "--budget", "much"], .alone, mentioning: "'much'")
      try expectUsage(
        ["evaluate", "run", "--sequences", "99999999999999999999"], .alone,
        mentioning: "too large: the largest whole number is 9223372036854775807")
      try expectUsage(["export", "run"], .alone, mentioning: "'--output <output>'")
      try expectUsage(["train", "run.yaml", "--run=x"], .alone, mentioning: "without dashes: run=x.")
      try expectUsage(
        ["train", "run.yaml", "--learning-rate", "1e-3"], .alone, mentioning: "optimizer.learning_rate=1e-3.")
      try expectUsage(
        ["corpus", "build", "recipe.yaml", "-o", "x", "--seed=3"], .alone, mentioning: "without dashes: seed=3.")
      try expectUsage(["train", "run.yaml", "--jso"], .alone, mentioning: "'--json'")
      // Every rank finds out; one says it.
      try expectUsage(["train"], .mpirun(2), mentioning: "'<file>'")
    }

    private func expectUsage(_ arguments: [String], _ launch: Launch, mentioning fragment: String) throws {
      let outcome = try run(launch.command("dga", arguments))
      #expect(outcome.status == 64, "\(outcome.output)")
      let errors = outcome.lines(with: "error: ")
      #expect(errors.count == 1 && errors[0].contains(fragment), "\(outcome.output)")
    }
  }
}

/// Checks that the program ended with an exit code and one error, which mentions all fragments.
func expect(
  _ outcome: Outcome, _ status: Int32, _ fragments: [String], sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(outcome.status == status, "\(outcome.output)", sourceLocation: sourceLocation)
  let errors = outcome.lines(with: "error: ")
  #expect(errors.count == 1, "\(outcome.output)", sourceLocation: sourceLocation)
  for fragment in fragments {
    #expect(errors.first?.contains(fragment) == true, "\(outcome.output)", sourceLocation: sourceLocation)
  }
}
