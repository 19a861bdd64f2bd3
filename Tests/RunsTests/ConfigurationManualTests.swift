import Configuration
import Foundation
import Runs
import Settings
import Testing

/// The manual of configurations, and the keys that it lists.
struct ConfigurationManualTests {
  private static var entries: [Manual.Entry] {
    get throws {
      let manual = Manual()
      var run = described()
      try run.visit(manual)
      return manual.entries
    }
  }

  @Test func `docs say what the declarations of the keys say`() throws {
    let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    let file = directory.appending(path: "../../docs/configuration.md")
    let isSame = try String(contentsOf: file, encoding: .utf8) == RunDescription.manual()
    #expect(isSame, "Write docs/configuration.md again: dga help configuration > docs/configuration.md")
  }

  @Test func `Every key is listed once, with a meaning`() throws {
    let entries = try Self.entries
    #expect(Set(entries.map(\.path)).count == entries.count)
    for entry in entries {
      #expect(!entry.meaning.isEmpty && !entry.meaning.hasSuffix("."), "\(entry.path)")
      #expect(!entry.range.isEmpty, "\(entry.path)")
    }
  }

  @Test func `Only run, corpus and target are required`() throws {
    let manual = Manual()
    var run = RunDescription()
    try run.visit(manual)
    #expect(manual.entries.filter(\.isRequired).map(\.path) == ["run", "corpus", "target"])
  }

  @Test func `A reader knows every key that is listed, and its default as its value`() throws {
    for entry in try Self.entries {
      guard let value = entry.value else { continue }
      // Without a preset one size of the model asks for all.
      var others = entry.path.hasPrefix("model.") ? ["model.preset=nano"] : []
      // Another schedule has no use for it.
      if entry.path == "optimizer.decay_share" { others = ["optimizer.schedule=wsd"] }
      let run = try describe(overrides: others)
      #expect(try describe(overrides: others + ["\(entry.path)=\(value)"]) == run, "\(entry.path)")
    }
  }

  @Test(arguments: [
    "batch.tokens=4096", "mixture.eta=0.3", "mixture.direction.targets={git: 1, libc: 2}", "mixture.prior={a: 1}",
    "mixture.prior=runs/other", "mixture.record=10steps", "mixture.reference=runs/other", "mixture.shrink=flat",
    "mixture.basis=[a, level1]", "mixture.coefficients={a: 1}", "evaluation.every=10steps",
    "batch.micro=2", "mixture.every=10steps", "optimizer.warmup=10steps",
    "time_limit=90minutes", "watchdog.limit=60seconds", "init=runs/other", "read_targets=[a]",
  ])
  func `A reader knows every key without a default`(override: String) throws {
    let path = override.prefix { $0 != "=" }
    #expect(try Self.entries.contains { $0.path == path && $0.value == nil && !$0.isRequired })
    #expect(try describe(overrides: [override]) != described())
  }

  @Test func `No key without a default is missing above`() throws {
    #expect(try Self.entries.count { $0.value == nil } == 18)
  }

  @Test func `The manual does not change with the list of methods`() throws {
    let method = try #require(try Self.entries.first { $0.path == "mixture.method" })
    #expect(method.value == "dga" && method.meaning.contains("docs/mixing.md") && !method.range.contains("uniform"))
  }
}
