import Configuration
import Failures
import Foundation
import Settings
import Testing

private enum Schedule: String, CaseIterable { case constant, cosine, wsd }

private let example = """
  run: runs/first
  optimizer: {learning_rate: 1e-3, warmup: 100steps, schedule: cosine, betas: [0.9, 0.95]}
  batch:
    sequences: 200_000
    tokens: 1e6
  quiet: yes
  domains:
    perl: {paths: [texts/perl, more]}
    "12": {paths: texts/twelve}
  nothing:
  tokens_per_domain: unlimited
  """

@Suite struct SectionTests {
  @Test func `values are read as the types that were asked for`() throws {
    let root = try open(example)
    #expect(try root.string("run") == "runs/first")
    let optimizer = try root.section("optimizer")
    #expect(optimizer.path == "optimizer")
    #expect(try optimizer.number("learning_rate") == 0.001)
    #expect(try optimizer.quantity("warmup", units: [.steps, .tokens]) == Quantity(100, .steps))
    #expect(try optimizer.choice("schedule", default: Schedule.constant) == .cosine)
    #expect(try optimizer.numbers("betas") == [0.9, 0.95])
    #expect(try optimizer.number("clip", default: 1) == 1)
    let batch = try root.section("batch")
    #expect(try batch.integer("sequences") == 200_000)
    #expect(try batch.integer("tokens", in: 1...1_000_000) == 1_000_000)
    #expect(try root.boolean("quiet") == true)
    #expect(try root.optionalString("nothing") == nil)
    #expect(try root.optionalString("absent") == nil)
    #expect(try root.limit("tokens_per_domain") == nil)
    #expect(try root.limit("keep", default: 2) == 2)
    let domains = try root.entries("domains")
    #expect(domains.map(\.name) == ["perl", "12"])
    #expect(try domains[0].section.strings("paths") == ["texts/perl", "more"])
    #expect(try domains[1].section.strings("paths") == ["texts/twelve"])
    #expect(domains[1].section.path == "domains.12")
    #expect(try root.section("model").path == "model")
    #expect(try !root.section("model").contains("preset"))
    try root.finish()
  }

  @Test func `JSON is read like YAML`() throws {
    let root = try open("{\n\t\"run\":\"a\",\n\t\"batch\": {\"sequences\":4, \"share\":1.5e-1},\n\t\"on\":true}")
    #expect(try root.string("run") == "a")
    #expect(try root.section("batch").integer("sequences") == 4)
    #expect(try root.section("batch").number("share") == 0.15)
    #expect(try root.boolean("on"))
    try root.finish()
  }

  @Test func `an unknown key names its line and the nearest known key`() throws {
    let root = try open("run: a\noptimizer:\n  clp: 1\n")
    _ = try root.string("run")
    _ = try root.section("optimizer").number("clip", default: 1)
    _ = try root.section("optimizer").number("learning_rate", default: 1)
    expectFailure(.badConfiguration, mentioning: "run.yaml:3", "optimizer.clp", "Did you mean 'clip'?") {
      try root.finish()
    }
  }

  @Test func `a far-off key lists what is known`() throws {
    let root = try open("zebra: 1\n")
    _ = try root.string("run", default: "a")
    expectFailure(.badConfiguration, mentioning: "run.yaml:1", "zebra", "Known here: 'run'") { try root.finish() }
  }

  @Test func `a key that was only looked for is refused as useless`() throws {
    let root = try open("preset: nano\nlayers: 3\n")
    #expect(root.contains("layers"))
    _ = try root.string("preset")
    expectFailure(.badConfiguration, mentioning: "run.yaml:2", "layers", "no use") { try root.finish() }
  }

  @Test func `a missing required key that is misspelt points at the misspelling`() throws {
    let root = try open("a: 1\ncorpsu: data\n")
    expectFailure(.badConfiguration, mentioning: "run.yaml:2", "corpsu", "'corpus'") { _ = try root.string("corpus") }
    expectFailure(.badConfiguration, mentioning: "run.yaml", "target", "missing") { _ = try root.string("target") }
  }

  @Test func `duplicate keys are refused with their line`() {
    expectFailure(.badConfiguration, mentioning: "run.yaml:1", "'a'", "more than once") {
      _ = try open("a: 1\nb: 2\na: 3")
    }
    expectFailure(.badConfiguration, mentioning: "run.yaml:4", "'1'", "lines 3 and 4") {
      _ = try open("a:\n  b: 1\n  1: 2\n  \"1\": 3\n")
    }
  }

  @Test(arguments: [
    ("a: [1, 2", 2), ("a: 1\nb: {c: 1\n", 3), ("a: 1\n  b: 2\n", 2), ("a: 'x\n", 2), ("a: *x\n", 1),
    ("a: 1\n\tb: 2\n", 2),
    ("a: 1\nb: \"\\q\"\n", 2), ("a: 1\n---\nb: 1\n", 2),
  ])
  func `malformed YAML is refused with its line`(text: String, line: Int) {
    expectFailure(.badConfiguration, mentioning: "run.yaml:\(line):", "well-formed") { _ = try open(text) }
  }

  @Test(arguments: ["- a\n- b\n", "just text", "3"])
  func `a root that is no mapping is refused`(text: String) {
    expectFailure(.badConfiguration, mentioning: "run.yaml:1", "mapping") { _ = try open(text) }
  }

  @Test func `a missing file and a directory are missing input`() {
    expectFailure(.missingInput, mentioning: "/no/such.yaml", "does not exist") {
      _ = try Section(contentsOf: "/no/such.yaml")
    }
    expectFailure(.missingInput, mentioning: "directory") { _ = try Section(contentsOf: "/usr") }
  }

  @Test func `an empty file is an empty mapping`() throws {
    let root = try open("")
    #expect(try root.integer("seed", default: 1) == 1)
    try root.finish()
    try open("# only a comment\n").finish()
  }

  @Test func `values of the wrong type or range are refused with what is needed`() throws {
    let root = try open(
      """
      steps: soon
      share: 1.5
      half: 0.5
      quoted: "3"
      list: [a, {b: 1}]
      map: {a: 1}
      schedule: cosin
      duration: 90
      warmup: 3epochs
      """)
    expectFailure(.badConfiguration, mentioning: "run.yaml:1", "steps", "whole number", "soon") {
      _ = try root.integer("steps")
    }
    expectFailure(.badConfiguration, mentioning: "run.yaml:2", "from 0 to 1", "1.5") {
      _ = try root.number("share", in: 0...1)
    }
    expectFailure(.badConfiguration, mentioning: "half", "0.5") { _ = try root.integer("half") }
    expectFailure(.badConfiguration, mentioning: "quoted", "the text \"3\"") { _ = try root.integer("quoted") }
    expectFailure(.badConfiguration, mentioning: "Element 2", "a mapping") { _ = try root.strings("list") }
    expectFailure(.badConfiguration, mentioning: "map", "text", "a mapping") { _ = try root.string("map") }
    expectFailure(.badConfiguration, mentioning: "list", "mapping") { _ = try root.section("list") }
    expectFailure(.badConfiguration, mentioning: "one of 'cosine', ", "cosin.") {
      _ = try root.choice("schedule", default: Schedule.cosine)
    }
    expectFailure(.badConfiguration, mentioning: "duration", "100steps", "100epochs", "90") {
      _ = try root.quantity("duration", units: [.steps, .epochs])
    }
    expectFailure(.badConfiguration, mentioning: "warmup", "3epochs") {
      _ = try root.quantity("warmup", units: [.steps])
    }
    expectFailure(.badConfiguration, mentioning: "from 1 to") { _ = try open("a: 0").integer("a", in: 1...Int.max) }
    for text in ["nan", ".nan", "inf", ".inf", "1e999", "0x10", "_1", "1__0", "true"] {
      expectFailure(.badConfiguration) { _ = try open("a: \(text)").number("a") }
    }
  }

  @Test func `overrides replace, add and reach into sections`() throws {
    let overrides = [
      "seed=7", "optimizer.clip=0.5", "mixture.smoothing.new_weight=1", "optimizer.betas=[0.8, 0.9]", "run=",
    ]
    let root = try open("seed: 1\nrun: a\noptimizer: {clip: 1.0, betas: [0.9, 0.95]}\n", overrides: overrides)
    #expect(try root.integer("seed") == 7)
    #expect(try root.section("optimizer").number("clip") == 0.5)
    #expect(try root.section("optimizer").numbers("betas") == [0.8, 0.9])
    #expect(try root.section("mixture").section("smoothing").number("new_weight") == 1)
    #expect(try root.optionalString("run") == nil)
    try root.finish()
  }

  @Test func `an override of a key that nobody reads says that it came from the command line`() throws {
    let root = try open("optimizer: {clip: 1.0}", overrides: ["optimizer.clp=2"])
    _ = try root.section("optimizer").number("clip")
    expectFailure(.badConfiguration, mentioning: "Command line, 'optimizer.clp=2'", "Did you mean 'clip'?") {
      try root.finish()
    }
  }

  @Test func `faulty overrides are refused`() {
    expectFailure(.usage, mentioning: "'seed'", "key.path=value") { _ = try open("", overrides: ["seed"]) }
    expectFailure(.usage, mentioning: "'=1'") { _ = try open("", overrides: ["=1"]) }
    expectFailure(.usage, mentioning: "empty name") { _ = try open("", overrides: ["a..b=1"]) }
    expectFailure(.badConfiguration, mentioning: "'a=[1'", "well-formed") { _ = try open("", overrides: ["a=[1"]) }
    expectFailure(.badConfiguration, mentioning: "'a.b=1'", "command line", "only mappings") {
      _ = try open("a: 3", overrides: ["a.b=1"])
    }
    expectFailure(.badConfiguration, mentioning: "Command line, 'seed=x'", "whole number") {
      _ = try open("seed: 1", overrides: ["seed=x"]).integer("seed")
    }
  }

  @Test func `a failure of the caller's own points at the key`() throws {
    let root = try open("a: 1\nbatch:\n  micro: 3\n")
    let failure = try root.section("batch").failure("micro", "It must divide 32.", kind: .badData)
    #expect(failure.kind == .badData)
    #expect(failure.message.hasSuffix("run.yaml:3: batch.micro: It must divide 32."))
  }

  @Test func `nested aliases cannot exhaust memory`() {
    let levels = (1...12).map {
      "l\($0): &l\($0) [" + Array(repeating: "*l\($0 - 1)", count: 9).joined(separator: ",") + "]"
    }
    let text = "l0: &l0 [x,x,x,x,x,x,x,x,x]\n" + levels.joined(separator: "\n")
    expectFailure(.badConfiguration, mentioning: "aliases") { _ = try open(text) }
  }

  @Test(arguments: ["? *l12\n: 1", "*l12 : 1", "a: {*l12 : 1}", "? [*l12]\n: 1", "[*l12, *l12]: 1", "a: [? *l12 : 1]"])
  func `nested aliases in keys cannot take for ever`(key: String) {
    let levels = (1...12).map {
      "l\($0): &l\($0) [" + Array(repeating: "*l\($0 - 1)", count: 9).joined(separator: ",") + "]"
    }
    let text = "l0: &l0 [x,x,x,x,x,x,x,x,x]\n" + levels.joined(separator: "\n") + "\n" + key
    expectFailure(.badConfiguration, mentioning: "single word") { _ = try open(text) }
  }

  @Test func `many aliases of values are fine`() throws {
    let users = (1...100).map { "d\($0): {paths: *p, why: 'what? yes'}" }.joined(separator: "\n")
    #expect(try open("p: &p [a, b]\n" + users).section("d100").strings("paths") == ["a", "b"])
  }

  @Test func `mutated files never crash`() throws {
    var generator = SplitMix(state: 1)
    let original = Array(example.utf8)
    for _ in 0..<300 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = "{}[]:,&*!|>'\"%#\n\t -\0\u{7f}".utf8.randomElement(
          using: &generator)!
      }
      let outcome = Result { try open(String(decoding: bytes, as: UTF8.self)) }
      if case .failure(let error) = outcome { #expect(error is Failure) }
    }
  }
}

/// A small generator with a fixed seed, so that a failing case comes back.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
