import Foundation
import Printing
import Runs
import Settings

/// Settings that do less than they seem to: said before the first step.
extension RunPlan {
  /// Whole sentences for a person.
  package var remarks: [String] {
    [idleKeys, warmup, decay, stillWeights, evaluation, unread, epochs].compactMap(\.self) + method.remarks
  }

  private var idleKeys: String? {
    let keys = description.idleKeys
    guard !keys.isEmpty else { return nil }
    return "These keys of the file have no effect with the other settings: \(Words.list(keys, most: 10))."
  }

  private var warmup: String? {
    guard let warmup = description.optimizer.warmup, warmup.value > 0, steps > 1, schedule.warmupSteps >= steps else {
      return nil
    }
    return "optimizer.warmup: \(warmup) of warm-up are not shorter than the run of \(Words.count(steps, "step")), so "
      + "the learning rate only rises."
  }

  private var decay: String? {
    guard description.optimizer.schedule == .wsd, description.optimizer.decayShare == 0 else { return nil }
    return "optimizer.decay_share: with a share of 0 the schedule 'wsd' never lowers the learning rate."
  }

  /// A move needs a step after it.
  private var stillWeights: String? {
    guard isMoving, !method.everWants(upTo: steps).contains(.weights) else { return nil }
    return "mixture.every: the first update would come after \(Words.count(interval, "step")), and the run has "
      + "\(steps): the method '\(description.mixture.method)' never moves the weights."
  }

  private var evaluation: String? {
    guard let every = description.evaluation.every, let interval = evaluateEvery, interval > steps else { return nil }
    return "evaluation.every: \(every) are longer than the run, so the model is evaluated at the end only."
  }

  private var unread: String? {
    let support = method.support
    let names = corpus.domains.indices.filter { !support[$0] }.map { corpus.domains.name($0) }
    guard !names.isEmpty else { return nil }
    let which = names.count == 1 ? "This domain has" : "These \(names.count) domains have"
    return "\(which) no weight and will never be read: \(Words.list(names, most: 10))."
  }

  private var epochs: String? {
    guard description.duration.unit == .epochs, method.support.count(where: \.self) > 1 else { return nil }
    let windows = windowCounts.reduce(0, +)
    return "duration: \(description.duration) are \(steps * batch.sequences) sequences, of the \(windows) that the "
      + "domains have. Domains are drawn at random by their weights, so some text is read again before all has been "
      + "read once."
  }
}

extension RunPlan {
  /// Says that the learning rate jumps where a run goes on after `step` with another schedule; nil if it does not.
  func rateJump(from former: RunDescription, after step: Int) throws -> String? {
    let steps = try clock.steps(ofRun: former.duration)
    let warmup = former.optimizer.warmup ?? OptimizerSettings.defaultWarmup(steps: steps)
    let before = LearningRateSchedule(former.optimizer, warmupSteps: clock.steps(warmup), totalSteps: steps)
    let (old, new) = (before.rate(at: step), schedule.rate(at: step))
    guard abs(new - old) > 0.01 * max(old, new) else { return nil }
    return String(
      format: "The learning rate jumps from %.3g in step %ld to %.3g in step %ld, because the schedule was "
        + "changed on resuming.",
      old, step, schedule.rate(at: step + 1), step + 1)
  }
}
