import Configuration
import Foundation
import Testing

/// Text that YAML would take for something else unless it is quoted.
private let treacherous = [
  "", "~", "null", "yes", "12", "1e3", "1:30", "a: b", "# x", "- x", "[", "{a", "*a", "&a", "!x", "'", "\"",
  "two\nlines",
  " lead", "trail ", "tab\there", "ünïcode 漢字", "2020-01-01", "=", "<<", "%d", "@x",
  String(repeating: "long words ", count: 40),
]

private func readAll(_ root: Section) throws -> [String] {
  var seen: [String] = []
  for index in treacherous.indices { seen.append(try root.string("t\(index)", default: treacherous[index])) }
  seen.append(contentsOf: try root.strings("list", default: treacherous))
  let inner = try root.section("inner")
  seen.append("\(try inner.number("tiny", default: 1.5e-7)) \(try inner.integer("big", default: 1 << 60))")
  seen.append("\(try inner.quantity("time", default: Quantity(1, .epochs), units: [.epochs, .minutes]))")
  seen.append("\(try inner.boolean("flag", default: true)) \(String(describing: try inner.optionalString("none")))")
  seen.append("\(try inner.numbers("betas", default: [0.9, 0.95, 1e300])) \(try inner.section("empty").path)")
  seen.append(
    "\(String(describing: try inner.limit("limit"))) \(String(describing: try inner.limit("keep", default: 3)))")
  return seen
}

@Suite struct ResolvedTests {
  @Test func `the resolved configuration loads again as the same values`() throws {
    let first = try open("inner: {big: 7, flag: off, \"~\": 1}\n")
    let values = try readAll(first)
    #expect(values.contains("1.5e-07 7"))
    _ = try first.section("inner").integer("~")
    let second = try open(first.resolved)
    #expect(try readAll(second) == values)
    #expect(try second.section("inner").integer("~") == 1)
    try second.finish()
    #expect(second.resolved == first.resolved)
  }

  @Test func `the resolved configuration holds defaults and overrides in the order of reading`() throws {
    let root = try open("seed: 1\nrun: x\n", overrides: ["seed=3"])
    _ = try root.string("run")
    _ = try root.integer("seed")
    _ = try root.section("optimizer").number("clip", default: 1)
    _ = try root.section("optimizer").quantity("warmup", default: Quantity(100, .steps), units: [.steps])
    #expect(root.resolved == "run: x\nseed: 3\noptimizer:\n  clip: 1.0\n  warmup: 100steps\n")
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
