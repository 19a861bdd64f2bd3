import Failures
import Foundation
import Mixing
import Runs
import Settings
import Testing
import Training

/// Numbers that nobody means: they are refused or planned for, and never end the process.
struct ExtremeValueTests {
  private static let values = [
    "0", "-1", "1", "3", "2147483648", "9007199254740992", "9223372036854775807", "9223372036854775808", "1e308",
    "1e-308", "5e-324", "nan", "inf", "-1e308", "'1'", "null", "[]", "{}", "{a: 1e308, b: 1e308, c: 1e308}", "{a: 0}",
    "[0.9, 1e-320]", "1steps", "9007199254740992steps", "9007199254740992tokens", "1e308epochs", "1e-308epochs",
    "1e308hours", "1e-308seconds", "0.0", "1.5",
  ]

  /// The keys that the manual lists.
  private static var keys: [String] {
    RunDescription.manual().split(separator: "\n").filter { $0.hasPrefix("| `") }
      .map { String($0.dropFirst(3).prefix { $0 != "`" }) }
      .filter { !$0.hasPrefix("tokenizer") && !$0.contains("NAME") && !$0.hasPrefix("validation") }
  }

  /// Reads and plans a run with these changes; returns whether that was possible.
  @discardableResult
  private static func plan(_ overrides: [String]) throws -> Bool {
    let file = NSTemporaryDirectory() + "extreme-" + UUID().uuidString + ".yaml"
    let text = """
      run: nowhere
      corpus: nowhere
      target: t
      model: {layers: 1, heads: 2, width: 16, context: 12}
      batch: {sequences: 8}
      duration: 12steps
      """
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: file) }
    do {
      let plan = try RunPlan(RunDescription(contentsOf: file, overrides: overrides), corpus: corpus, ranks: 1)
      #expect(plan.bytesPerRank.isFinite)
      #expect(try !plan.describe().isEmpty)
      return true
    } catch let failure as Failure {
      #expect(
        [.badConfiguration, .badData, .missingInput].contains(failure.kind), "\(overrides): \(failure.message)")
      return false
    }
  }

  // Made once, since it is the same for all.
  private static let corpus = try! Bench.corpus()

  @Test func `Every key takes or refuses every value`() throws {
    let keys = Self.keys
    #expect(keys.count > 40 && keys.contains("batch.sequences"))
    var (possible, all) = (0, 0)
    for key in keys {
      for value in Self.values {
        all += 1
        if try Self.plan(["\(key)=\(value)"]) { possible += 1 }
      }
    }
    #expect(possible > keys.count && possible < all)
  }

  @Test(arguments: [
    ["duration=1e15epochs"], ["duration=9007199254740992steps"], ["duration=1e308epochs"],
    ["duration=100000000steps", "batch.sequences=16777216", "model.context=100"],
    ["model.layers=10000", "model.heads=1", "model.width=1000000"],
    ["batch.sequences=16777216", "batch.micro=16777216", "model.width=1000000"],
  ])
  func `Sizes beyond all machines are refused with a bound`(overrides: [String]) throws {
    #expect(try !Self.plan(overrides))
  }

  @Test func `The keys of every method take or refuse every value`() throws {
    let keys = [
      "exponent", "epochs", "form", "warmup", "odm.warmup", "odm.smoothing", "eta", "kl", "floor", "rate", "stages",
      "step_size", "smoothing", "weights", "ado.smoothing", "weighting",
    ]
    for method in mixingMethods {
      for key in keys {
        for value in Self.values.prefix(12) {
          try Self.plan(["mixture.method=\(method.name)", "mixture.\(key)=\(value)"])
        }
      }
    }
    for from in ["9007199254740992steps", "9007199254740992tokens", "1", "0.5", "1e-308"] {
      let stages = "[{from: 0, method: uniform}, {from: \(from), weights: {a: 1}}]"
      for interpolation in ["step", "linear"] {
        try Self.plan([
          "mixture.method=schedule", "mixture.stages=\(stages)", "mixture.interpolation=\(interpolation)",
        ])
      }
    }
  }
}
