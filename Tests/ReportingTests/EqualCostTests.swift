import Foundation
import Reporting
import Testing

@Suite("Equal cost and equal loss")
struct EqualCostTests {
  @Test("Losses and amounts are interpolated between evaluations")
  func interpolation() throws {
    let points = [(100.0, 120.0, 6.0), (200, 240, 5), (300, 360, 5.5), (400, 480, 4.5)]
    let curve = CostCurve(points.map { CostCurve.Point(tokens: $0.0, cost: $0.1, loss: $0.2) })
    #expect(curve.loss(atCost: 120) == 6 && curve.loss(atCost: 180) == 5.5 && curve.loss(atCost: 480) == 4.5)
    #expect(curve.loss(atCost: 119) == nil && curve.loss(atCost: 481) == nil)
    // It first falls to 5.25 three quarters of the way from 100 to 200 tokens.
    #expect(curve.spent(\.tokens, untilLoss: 5.25) == 175 && curve.spent(\.cost, untilLoss: 5.25) == 210)
    #expect(curve.spent(\.tokens, untilLoss: 4.5) == 400)
    #expect(curve.spent(\.tokens, untilLoss: 4.4) == nil && curve.spent(\.tokens, untilLoss: 6.5) == nil)
  }

  /// Writes a run whose target loss falls in a line to `loss` at 1000 tokens, with probe tokens of some share.
  private func makeRun(_ path: String, loss: Double, probeShare: Double) throws -> RunRecord {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try "run: x\ntarget: git\nmixture: {method: dga}\nseed: 1\n".write(
      toFile: path + "/config.yaml", atomically: true, encoding: .utf8)
    let lines = (0...4).map { part in
      let (tokens, probe) = (250 * part, Int(250 * Double(part) * probeShare))
      return #"{"kind":"evaluation","step":\#(part),"tokens":\#(tokens),"probe_tokens":\#(probe),"#
        + #""target":\#(8 + (loss - 8) * Double(part) / 4),"generic":7,"bits_per_byte":2}"#
    }
    try (lines.joined(separator: "\n") + "\n").write(
      toFile: path + "/metrics.jsonl", atomically: true, encoding: .utf8)
    return try RunRecord(at: path)
  }

  @Test("Probe tokens and runs upstream count into the cost; a run that never gets there has no speed-up")
  func study() throws {
    let directory = NSTemporaryDirectory() + "equal-cost-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: directory) }
    var runs: [StudyRecord.Run] = []
    var records: [String: RunRecord] = [:]
    // Falls: 2 nats, 4 nats with 20 % probes and 100 tokens upstream, 1 nat.
    for (name, loss, share, upstream) in [("uniform", 6.0, 0.0, 0.0), ("dga", 4.0, 0.2, 100), ("bad", 7.0, 0.0, 0.0)] {
      records[name] = try makeRun("\(directory)/\(name)", loss: loss, probeShare: share)
      let probe = 1000 * share
      runs.append(
        StudyRecord.Run(
          name: name, stage: "train", point: ["method": name], directory: name, state: .complete,
          results: ["tokens": 1000, "probe_tokens": probe, "cost_tokens": 1000 + probe + upstream]))
    }
    let study = StudyRecord(
      title: "", axes: [StudyRecord.Axis(name: "method", values: runs.map(\.name))], stages: ["train"],
      comparison: StudyRecord.Comparison(axis: "method", baseline: "uniform"), runs: runs)
    let results = study.comparingCosts(records).runs.map(\.results)
    #expect(results[0]["speed_up"] == 1 && results[0]["target_loss_at_equal_cost"] == 6)
    // DGA falls to 6 after 500 tokens, which cost 500 + 100 + 100; at a cost of 1000 it had read 750 tokens.
    #expect(results[1]["speed_up"] == 2)
    #expect(abs(try #require(results[1]["speed_up_by_cost"]) - 1000.0 / 700) < 1e-12)
    #expect(abs(try #require(results[1]["target_loss_at_equal_cost"]) - 5) < 1e-12)
    #expect(results[2]["speed_up"] == nil && results[2]["target_loss_at_equal_cost"] == 7)
  }
}
