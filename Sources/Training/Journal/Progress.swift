import Foundation
import Mixing
import Printing

/// What a person sees of a run on standard error: a moving line on a terminal, a plain line now and then elsewhere.
final class Progress: Sendable {
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant
  private let line = MovingLine()

  /// A domain whose weight has moved, and its score beside the target's own, which is 1, if there is one.
  struct Mover {
    var name: String
    /// The weight now, and where the run began.
    var weight, start: Double
    var score, error: Double?

    var text: String {
      let share = "\(name) \(Self.number(start))→\(Self.number(weight)) %"
      guard let score else { return share }
      let margin = error.map { $0.isFinite ? String(format: "±%.2f", $0) : "±?" } ?? ""
      return share + String(format: " (%.2f", score) + margin + ")"
    }

    private static func number(_ share: Double) -> String {
      String(format: share < 0.00995 ? "%.2g" : "%.0f", 100 * share)
    }
  }

  /// The state of a run at a step.
  struct Figures {
    var step = 0, steps = 0
    var loss = 0.0, tokensPerSecond = 0.0, flopsShare = 0.0, overheadShare = 0.0
    /// What comparing the scores of successive updates has found; nil if nobody has compared yet.
    var finding: Finding?
    /// The domains whose weights have moved most.
    var movers: [Mover] = []
  }

  init() { start = clock.now }

  /// Whether enough time has passed since the last time to show something again: 0.2 s on a terminal, 10 s elsewhere.
  func isDue(isLast: Bool) -> Bool { line.isDue(isLast: isLast) }

  /// Shows the figures.
  func show(_ figures: Figures, firstStep: Int, isLast: Bool) {
    let elapsed = start.duration(to: clock.now) / .seconds(1)
    let done = max(figures.step - firstStep, 1)
    let left = elapsed / Double(done) * Double(figures.steps - figures.step)
    var parts = [
      "step \(figures.step)/\(figures.steps)", String(format: "loss %.3f", figures.loss),
      "\(Int(figures.tokensPerSecond.rounded())) tokens/s",
      String(format: "%.0f %% of sgemm", 100 * figures.flopsShare),
      "left \(Words.time(left))",
    ]
    if let finding = figures.finding {
      let reliability = String(format: "reliability %.1f", finding.reliability)
      parts.append(finding.tellsDomainsApart ? reliability : "domains not told apart yet")
    }
    if !figures.movers.isEmpty {
      parts.append(String(format: "alignment %.1f %%", 100 * figures.overheadShare))
      parts.append(figures.movers.map(\.text).joined(separator: ", "))
    }
    line.show(parts.joined(separator: "  "))
    if isLast { line.finish() }
  }

  /// Ends the moving line, so that something else can be printed.
  func finishLine() { line.finish() }
}
