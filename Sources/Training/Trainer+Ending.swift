import Failures
import Liveness
import MPI
import Parallel
import Signals

/// What follows a step: evaluation, checkpoint, and the end of a run that is asked to stop.
extension Trainer {
  /// Evaluates and records the losses; nil if a signal has asked to stop meanwhile.
  ///
  /// - Parameter isRecorded: Whether the record of this step's evaluation has yet to be written.
  mutating func evaluate(
    _ parameters: borrowing Parameters<Whole>, isRecorded: Bool = true, over world: borrowing Communicator
  ) throws -> EvaluationResult? {
    FlightRecorder.enter(.evaluate)
    let losses = try evaluation.run(on: &replica, parameters, over: world) { [stops] in stops.request == .stop }
    if isRecorded {
      owesEvaluation = losses == nil
      if let losses { try root?.journal.evaluated(step, losses, probeTokens: steering.tokens) }
    }
    return losses
  }

  // MARK: Saving

  /// Whether a checkpoint is to be written now. One that is due while steps are passed over is written after the next
  /// step that is used, since parameters or moments may be damaged. At the end of the run a finite loss says that they
  /// are not.
  mutating func isSaved(_ ending: StepEnding) -> Bool {
    owesCheckpoint = owesCheckpoint || ending.isSaved || owesEvaluation
    let isSound = outliers.skipped == 0 || (ending.isLast && record.loss.isFinite && !outliers.isLost)
    return owesCheckpoint && isSound
  }

  mutating func save(_ parameters: borrowing Parameters<Whole>, over world: borrowing Communicator) throws {
    try checkMemory(of: parameters, momentsToo: true, over: world)
    try writeCheckpoint(parameters, over: world)
    (owesCheckpoint, saved) = (false, .now)
    if step > failedStep { returns = 0 }
  }

  // MARK: Stopping

  /// Ends the run if a signal asked for that.
  func leave(_ ending: StepEnding, over world: borrowing Communicator) throws {
    guard owesEvaluation || ending.isStopped else { return }
    try world.agree { throw stopped() }
  }

  /// Ends the run before the present step, of which nothing was done but measurements that were given up.
  mutating func leaveBeforeStep(
    _ parameters: borrowing Parameters<Whole>, over world: borrowing Communicator
  ) throws -> Never {
    step -= 1
    owesCheckpoint = true
    if outliers.skipped == 0 { try save(parameters, over: world) }
    return try world.agree { throw stopped() }
  }

  /// Why the run ends before its last step.
  func stopped() -> Failure {
    let saved =
      owesCheckpoint
      ? "no checkpoint was written, since steps were being skipped" : "the checkpoint is written"
    return Failure(.preempted, "Stopped by \(stops.reason) after step \(step); \(saved), go on with --resume.")
  }
}
