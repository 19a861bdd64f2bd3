import Foundation

/// Decides whether a step's loss and gradient can be used: they are finite and not far beyond those of the steps
/// before.
///
/// Both are the same on every rank, so every rank decides alike.
package struct OutlierWatch: Codable, Equatable {
  /// Steps that were used.
  private var count = 0
  /// Running means of the loss, in nats per token, and of the gradient's norm.
  private var loss = 0.0, norm = 0.0
  /// Steps passed over since the last one that was used.
  package private(set) var skipped = 0

  /// The share of a running mean that stays at each step.
  private static let decay = 0.95
  /// Steps that are seen before any is called an outlier.
  private static let experience = 20
  /// Steps passed over in a row after which training does not go on from here.
  static let patience = 3

  /// Whether so many steps have been passed over that training does not go on from here.
  package var isLost: Bool { skipped >= Self.patience }

  package init() {}

  /// Takes in a step; returns why it cannot be used, or nil if it can.
  ///
  /// - Parameter factor: How many times the running mean a norm or a perplexity may be; 0: any.
  package mutating func objection(loss: Double, norm: Double, factor: Double) -> String? {
    var reason: String?
    if !loss.isFinite || !norm.isFinite {
      reason = "loss \(loss), gradient norm \(norm)"
    } else if factor > 0, count >= Self.experience {
      if norm > factor * self.norm {
        reason = String(format: "gradient norm %.3g, but %.3g on average before", norm, self.norm)
      } else if loss > self.loss + log(factor) {
        reason = String(format: "loss %.3g, but %.3g on average before", loss, self.loss)
      }
    }
    guard reason == nil else {
      skipped += 1
      return reason
    }
    // The mean of the first steps, then a running one.
    let share = max(1 - Self.decay, 1 / Double(count + 1))
    self.loss += share * (loss - self.loss)
    self.norm += share * (norm - self.norm)
    count += 1
    skipped = 0
    return nil
  }
}
