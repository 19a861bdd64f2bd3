import Failures
import MPI

/// What follows the update of a step.
struct StepEnding {
  private let step: Int
  private let request: StopSignal.Request
  let isLast, isEvaluated, isSaved: Bool

  init(of step: Int, in plan: RunPlan, _ request: StopSignal.Request) {
    self.step = step
    self.request = request
    isLast = step == plan.steps
    isEvaluated = isLast || plan.evaluateEvery.map { step % $0 == 0 } ?? false
    isSaved = isLast || request != .none || plan.checkpointEvery.map { step % $0 == 0 } ?? false
  }

  /// Otherwise parameters arrive while the next forward pass already runs.
  var readsParameters: Bool { isEvaluated || isSaved }

  /// Ends the run if a signal asked for that.
  func leave(over world: borrowing Communicator) throws {
    guard request == .stop && !isLast else { return }
    try world.agree {
      throw Failure(
        .preempted, "Stopped by a signal after step \(step); the checkpoint is written, go on with --resume.")
    }
  }
}
