import Configuration
import Foundation
import Settings
import Testing

/// Text that YAML would take for something else unless it is quoted.
private let treacherous = [
  "", "~", "null", "yes", "12", "1e3", "1:30", "a: b", "# x", "- x", "[", "{a", "*a", "&a", "!x", "'", "\"",
  "two\nlines",
  " lead", "trail ", "tab\there", "ünïcode 漢字", "2020-01-01", "=", "<<", "%d", "@x",
  String(repeating: "long words ", count: 40),
]

/// Settings of every kind.
private struct Sample: Configurable, Equatable {
  var texts = treacherous
  var some: String? = "~"
  var none: String?
  var tiny = 1.5e-7, maybe: Double? = 1e300
  var big = 1 << 60, few: Int?, limit: Int?, keep: Int? = 3
  var flag = true
  var time = Quantity(1, .epochs), wait: Quantity?
  var betas = [0.9, 0.95, 1e300]
  var shares = [Share("a: b", 0.5), Share("~", 2)]
  var mixture: MixtureSource? = .run("/runs/1"), other: MixtureSource? = .shares([Share("x", 1)])
  var stages = [Stage(from: "0"), Stage(from: "0.5")]

  struct Stage: Configurable, Equatable {
    var from = ""
    init() {}
    init(from: String) { self.from = from }
    mutating func visit(_ keys: any KeyVisitor) throws { try keys.text("from", &from, "when it begins") }
  }

  mutating func visit(_ keys: any KeyVisitor) throws {
    try keys.section("inner") { inner in
      for index in texts.indices where !texts[index].isEmpty { try inner.text("t\(index)", &texts[index], "text") }
      try inner.text("some", &some, "text")
      try inner.text("none", &none, "text")
    }
    try keys.number("tiny", &tiny, in: 0...1, "small")
    try keys.number("maybe", &maybe, in: 0...1e301, "large")
    try keys.integer("big", &big, in: 0...Int.max, "large")
    try keys.integer("few", &few, in: 0...9, "few")
    try keys.limit("limit", &limit, in: 1...Int.max, "a limit")
    try keys.limit("keep", &keep, in: 1...Int.max, "a limit")
    try keys.flag("flag", &flag, "yes or no")
    try keys.amount("time", &time, in: [.epochs], "time")
    try keys.amount("wait", &wait, in: [.steps], "time")
    try keys.numbers("betas", &betas, "rates")
    try keys.shares("shares", &shares, "shares")
    try keys.mixture("mixture", &mixture, "a mixture")
    try keys.mixture("other", &other, "a mixture")
    try keys.list("stages", &stages, "stages")
  }
}

@Suite struct WriterTests {
  @Test func `settings that are written load again as the same values`() throws {
    var sample = Sample()
    sample.tiny = 0.1 + 0.2
    sample.few = 7
    let text = try ConfigurationWriter.yaml(of: sample)
    let root = try open(text)
    var read = Sample()
    (read.some, read.maybe, read.keep, read.shares, read.mixture, read.stages) = (nil, nil, nil, [], nil, [])
    try read.visit(root)
    try root.finish()
    #expect(read == sample)
    #expect(try ConfigurationWriter.yaml(of: read) == text)
  }

  @Test func `the manual lists every key with default, range and meaning`() throws {
    let manual = Manual()
    var sample = Sample()
    try sample.visit(manual)
    let entries = Dictionary(uniqueKeysWithValues: manual.entries.map { ($0.path, $0) })
    #expect(entries["tiny"]?.value == "1.5e-07" && entries["limit"]?.value == "unlimited")
    #expect(entries["few"]?.value == nil && entries["time"]?.value == "1epoch")
    #expect(entries["inner.some"]?.meaning == "text" && entries["flag"]?.range == "`true` or `false`")
    #expect(entries["stages"]?.range == "a list of mappings")
  }

  @Test func `keys of a choice that was not made are tolerated, others are not`() throws {
    struct Other: Configurable {
      var rate = 1.0
      init() {}
      mutating func visit(_ keys: any KeyVisitor) throws {
        try keys.section("deep") { try $0.number("rate", &rate, in: 0...1, "a rate") }
      }
    }
    let root = try open("deep: {rate: 7}\n")
    var other = Other()
    try other.visit(ToleratingVisitor(root, besides: "method"))
    try root.finish()
    let wrong = try open("deep: {rat: 7}\n")
    try other.visit(ToleratingVisitor(wrong, besides: "method"))
    expectFailure(.badConfiguration, mentioning: "deep.rat") { try wrong.finish() }
  }

  @Test func `what the file says can be set aside for what the command line says`() throws {
    let root = try open("kl: 0.1\nfloor: 0.2\nmemory: 0.3\n", overrides: ["eta=2", "floor=0.5", "none=null"])
    #expect(root.isOverridden("eta") && root.isOverridden("floor"))
    #expect(!root.isOverridden("kl") && !root.isOverridden("none") && !root.isOverridden("absent"))
    root.setAside("kl", "floor", "absent")
    #expect(!root.contains("kl"))
    #expect(try root.number("floor") == 0.5 && root.number("eta") == 2 && root.number("memory", default: 1) == 0.3)
    #expect(try root.optionalString("none") == nil)
    try root.finish()
  }

  @Test func `changes between two configurations are named with both values`() throws {
    let old = "run: a\nmixture:\n  kl: 0.1\n  gone: 1\nbetas: [0.9, 0.95]\n"
    let new = "mixture:\n  kl: 0.3\n  new: x\nrun: a\nbetas: [0.9, 0.99]\n"
    #expect(
      try Section.changes(from: old, to: new) == [
        "mixture.kl 0.3 instead of 0.1", "mixture.gone nothing instead of 1",
        "betas [0.9, 0.99] instead of [0.9, 0.95]",
        "mixture.new x instead of nothing",
      ])
    #expect(try Section.changes(from: old, to: old).isEmpty)
    expectFailure(.badConfiguration) { _ = try Section.changes(from: "a: [", to: new) }
  }
}
