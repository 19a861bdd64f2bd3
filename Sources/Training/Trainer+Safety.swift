import Failures
import Liveness
import MPI
import Mixing
import Parallel

/// The trainer's side of faults: what is checked, and what follows if it does not hold.
extension Trainer {
  /// The most times that a run goes back to the same checkpoint.
  private static let mostReturns = 2

  /// Ends the run if the memory of any rank has changed by itself.
  ///
  /// Collective: every rank calls.
  ///
  /// - Throws: `Failure(.lostPeer)` that names rank, node and tensor; no checkpoint has been written since.
  /// - Parameter momentsToo: Whether moments are looked at now, and not only by the next update.
  mutating func checkMemory(
    of parameters: borrowing Parameters<Whole>, momentsToo: Bool = false, over world: borrowing Communicator
  ) throws {
    if momentsToo { replica.optimizer.checkMoments() }
    let (isBroken, fault) = try memoryCheck.run(parameters, replica.optimizer, over: world)
    guard isBroken else { return }
    let (node, step) = (world.processorName, step)
    try world.agree {
      guard let fault else { return }
      throw Failure(
        .lostPeer,
        "Memory of this rank, on \(node), has changed by itself or in a message: the \(fault.memory) of "
          + "\(fault.tensor), among the elements \(fault.elements.lowerBound) to \(fault.elements.upperBound - 1), "
          + "are not those that the last update left, as found in step \(step). Nothing of that was saved: go on with "
          + "--resume, and without this node if it happens again.")
    }
  }

  /// Goes back to the newest checkpoint after steps that could not be used, and passes over the text read since.
  ///
  /// Collective: every rank calls.
  ///
  /// - Throws: `Failure(.diverged)` if there is no checkpoint, or going back has not helped before.
  mutating func goBack(
    _ parameters: consuming Parameters<Whole>, over world: borrowing Communicator
  ) throws -> Parameters<Arriving> {
    let (cursors, orders, skipped) = (sampler.cursors, sampler.orders, outliers.skipped)
    let reason = "\(skipped == 1 ? "A step" : "\(skipped) steps in a row") up to step \(step) could not be used"
    guard returns < Self.mostReturns else {
      throw try diverged(
        reason + ", as before the run went back to its last checkpoint \(returns) times", over: world)
    }
    var parameters = parameters
    var mixture = plan.mixture()
    let failedStep = step
    guard let (state, change) = try restore(&parameters, &mixture, over: world) else {
      throw try diverged(reason + ", and there is no checkpoint to go back to", over: world)
    }
    returns += 1
    (self.failedStep, owesCheckpoint, saved) = (failedStep, false, .now)
    replica.optimizer.acceptMemory(parameters)
    // The text since the checkpoint has been read: it is passed over, and other text comes instead.
    try sampler.restore(cursors: cursors, orders: orders)
    root?.mixture = mixture
    root?.restore(state)
    let (journal, step) = (root?.journal, step)
    try world.agree {
      try journal?.goBack(to: step, metricsOffset: state.metricsOffset)
      // A checkpoint of the corpus before: what was recorded of the change was cut away.
      if let change { try journal?.changed(step, change, mixture) }
      try journal?.event(
        step, "rollback",
        reason + ": the run went back to its checkpoint of step \(step) and goes on with other text.")
    }
    // Its record was cut away with those after it.
    if owesEvaluation, try evaluate(parameters, over: world) == nil { try world.agree { throw stopped() } }
    return parameters.arriving()
  }

  private func diverged(_ reason: String, over world: borrowing Communicator) throws -> any Error {
    let failure = Failure(
      .diverged, reason + ". Resume from a checkpoint with a lower optimizer.learning_rate or optimizer.clip.")
    try world.agree { throw failure }
    return failure
  }

  /// Lets faults happen that the configuration orders for this step and rank.
  func injectFaults(_ gradients: borrowing Gradients<Averaged>, _ parameters: borrowing Parameters<Whole>) {
    if let own = replica.optimizer.shards.own.first(where: { !$0.isEmpty }), Faults.take(.nan, step: step) != nil {
      gradients.row[0, own.lowerBound] = .nan
    }
    if let fault = Faults.take(.flip, step: step) {
      let row =
        switch fault.memory {
        case .parameters: parameters.row
        case .firstMoments: replica.optimizer.firstMoments.row
        case .secondMoments: replica.optimizer.secondMoments.row
        }
      guard row.count > 0 else { return }
      let place = fault.element % row.count
      row[0, place] = Float(bitPattern: row[0, place].bitPattern ^ 1 << UInt32(fault.bit))
    }
  }
}
