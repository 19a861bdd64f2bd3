import Signals

/// What follows the update of a step.
struct StepEnding {
  let isLast, isEvaluated, isSaved: Bool
  /// Whether the run is to end before its last step.
  let isStopped: Bool

  init(of step: Int, in plan: RunPlan, _ request: StopSignal.Request) {
    isLast = step == plan.steps
    isEvaluated = isLast || plan.evaluateEvery.map { step % $0 == 0 } ?? false
    isSaved = isLast || request != .none || plan.checkpointEvery.map { step % $0 == 0 } ?? false
    isStopped = request == .stop && !isLast
  }

  /// Otherwise parameters arrive while the next forward pass already runs.
  var readsParameters: Bool { isEvaluated || isSaved }
}
