import Foundation

/// The learning rate of every step: linear warm-up, then the configured shape.
public struct LearningRateSchedule: Sendable {
  private let settings: (peak: Double, finalShare: Double, decayShare: Double, shape: OptimizerSettings.Schedule)
  /// Steps of warm-up, at most all.
  public let warmupSteps: Int
  private let totalSteps: Int

  /// Plans a run of `totalSteps` steps.
  public init(
    peak: Double, shape: OptimizerSettings.Schedule, warmupSteps: Int, totalSteps: Int,
    finalShare: Double, decayShare: Double
  ) {
    settings = (peak, finalShare, decayShare, shape)
    self.warmupSteps = min(warmupSteps, totalSteps)
    self.totalSteps = totalSteps
  }

  /// Plans a run with an optimizer's settings, its warm-up and length in steps.
  public init(_ optimizer: OptimizerSettings, warmupSteps: Int, totalSteps: Int) {
    self.init(
      peak: optimizer.learningRate, shape: optimizer.schedule, warmupSteps: warmupSteps, totalSteps: totalSteps,
      finalShare: optimizer.finalShare, decayShare: optimizer.decayShare)
  }

  /// The rate of step `step`, counted from 1 to the total.
  ///
  /// Warm-up over W steps: peak t / W. After it, with progress p = (t - W) / (total - W): cosine
  /// final + (1 - final) (1 + cos(pi p)) / 2; wsd 1 until the last share d of the run, then linear down to final.
  public func rate(at step: Int) -> Double {
    if step < warmupSteps { return settings.peak * Double(step) / Double(warmupSteps) }
    let remaining = Double(max(totalSteps - warmupSteps, 1))
    let progress = min(1, Double(step - warmupSteps) / remaining)
    switch settings.shape {
    case .constant: return settings.peak
    case .cosine:
      return settings.peak * (settings.finalShare + (1 - settings.finalShare) * 0.5 * (1 + cos(.pi * progress)))
    case .wsd:
      // A decay that would reach back into warm-up begins after it, or the rate would jump.
      let decaySteps = min(settings.decayShare * Double(totalSteps), remaining)
      let left = Double(totalSteps - step)
      guard decaySteps > 0, left < decaySteps else { return settings.peak }
      return settings.peak * (settings.finalShare + (1 - settings.finalShare) * left / decaySteps)
    }
  }
}
