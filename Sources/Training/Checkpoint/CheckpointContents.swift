import Checkpoints
import Columns
import Corpus
import Failures
import Foundation
import Liveness
import MPI
import Mixing
import Parallel
import Printing
import Steering

/// The trainer's side of checkpoints: what goes into one, and what a run that goes on takes out of it.
extension Trainer {
  private static let directionFile = "direction.safetensors"

  /// Writes a checkpoint from the root rank, to which the others bring their moments.
  mutating func writeCheckpoint(
    _ parameters: borrowing Parameters<Whole>, over world: borrowing Communicator
  ) throws {
    FlightRecorder.enter(.checkpoint)
    var moments = MomentGathering(layout: replica.model.layout, replica.optimizer.shards)
    try world.agree {
      guard let root else { return try moments.finish(of: replica.optimizer, over: world) }
      do {
        try write(parameters, root, &moments, over: world)
      } catch {
        // The other ranks do not know yet, and wait until all of their moments are taken.
        try moments.finish(of: replica.optimizer, over: world)
        throw error
      }
    }
  }

  /// Writes all files of a checkpoint.
  private func write(
    _ parameters: borrowing Parameters<Whole>, _ root: Root, _ moments: inout MomentGathering,
    over world: borrowing Communicator
  ) throws {
    let state = try state(root)
    let layout = replica.model.layout
    try checkpoints.write(step: step) { directory in
      try TensorFiles.write(parameters, replica.optimizer, &moments, layout: layout, to: directory, over: world)
      if steering.keepsDirection(after: step) {
        try TensorFiles.write(
          rows: steering.direction.span, layout: layout, to: "\(directory)/\(Self.directionFile)")
      }
      try state.write(to: directory)
      try MethodFile.write(root.mixture, to: directory)
      try TensorFiles.copyTokenizer(of: plan.corpus, to: directory)
      try plan.corpus.domains.writeNames(to: "\(directory)/\(RunState.domainsFile)")
    }
  }

  private func state(_ root: Root) throws -> RunState {
    RunState(
      step: step, updates: replica.optimizer.updates, times: times, cursors: sampler.cursors,
      orders: sampler.orders.map { Column(wrappedValue: $0) }, departed: departed > 0 ? departed : nil,
      steering: steering.state,
      mixture: root.mixture.state, forecast: root.forecast, ledger: root.ledger, batchesHash: batchesHash,
      metricsOffset: try root.journal.synchronizeMetrics(),
      model: [plan.model.layers, plan.model.heads, plan.model.width, plan.model.context, plan.model.vocabularySize],
      tokenizer: plan.corpus.tokenizer.hash.description, endOfDocument: Int(plan.corpus.tokenizer.endOfDocument),
      micro: plan.batch.micro, owesEvaluation: owesEvaluation ? true : nil, outliers: outliers,
      identity: plan.identity)
  }

  /// Goes on from the newest whole checkpoint, if there is one.
  ///
  /// - Parameter mixture: Takes its state and the method's; only the root rank's has a use.
  mutating func restore(
    _ parameters: inout Parameters<Whole>, _ mixture: inout Mixture, over world: borrowing Communicator
  ) throws -> (state: RunState, change: DomainChange?)? {
    guard let directory = try newestCheckpoint(over: world) else { return nil }
    let rank = world.rank
    return try world.agree {
      let (state, change) = try RunState.read(from: directory, for: plan)
      if rank == 0 { warnOfOtherRounding(state) }
      let layout = replica.model.layout
      try TensorFiles.read(&parameters, &replica.optimizer, layout: layout, from: directory)
      replica.optimizer.updates = state.updates
      (step, times, batchesHash) = (state.step, state.times, state.batchesHash)
      owesEvaluation = state.owesEvaluation ?? false
      outliers = state.outliers ?? OutlierWatch()
      try sampler.restore(cursors: state.cursors, orders: state.orders?.wrappedValue)
      departed = state.departed ?? 0
      for domain in isRepeated.indices { isRepeated[domain] = sampler.completedEpochs(of: domain) > 0 }
      repeatedCount = isRepeated.count { $0 }
      try MethodFile.restore(&mixture, state, for: plan, over: change, from: directory)
      lossWeights = mixture.weights.values
      if plan.method.weighting == .draws { try setWeights(mixture.draws.values) }
      let isSame: Bool
      do {
        isSame = try steering.restore(
          state.steering, orders: state.orders?.wrappedValue, after: step
        ) { elements in
          let file = "\(directory)/\(Self.directionFile)"
          guard FileManager.default.fileExists(atPath: file) else { return false }
          try TensorFiles.read(rows: &elements, layout: layout, from: file)
          return true
        }
      } catch let failure as Failure where !failure.message.contains(directory) {
        throw Failure(failure.kind, "\(directory)/\(RunState.fileName), steering: \(failure.message)")
      }
      if isSame { return (state, change) }
      mixture.forgetScores()
      var other = state
      other.forecast = Forecast()
      return (other, change)
    }
  }

  /// The newest whole checkpoint, chosen by the root rank, so that all ranks read the same one; nil if there is none
  /// yet.
  private func newestCheckpoint(over world: borrowing Communicator) throws -> String? {
    let rank = world.rank
    let chosen = try world.agree {
      guard rank == 0 else { return "" }
      let plan = plan
      return try checkpoints.newest(examine: { try plan.examine($0) }, report: SavedModel.warn) ?? ""
    }
    let directory = String(decoding: try world.broadcast(Array(chosen.utf8), root: 0), as: UTF8.self)
    return directory.isEmpty ? nil : directory
  }

  private func warnOfOtherRounding(_ state: RunState) {
    guard let micro = state.micro, micro != plan.batch.micro, plan.description.reduction == .canonical else { return }
    Console.note(
      "warning: the run had micro-batches of \(micro) sequences and goes on with \(plan.batch.micro), so results will "
        + "be equal but for rounding; batch.micro=\(micro) gives the same bits.")
  }
}

extension RunPlan {
  /// Checks a checkpoint whose files are those that were written: its own sense, that it is one of this run, and the
  /// method's state.
  ///
  /// - Throws: `Failure`: `.badData` that names file and key or tensor, `.badConfiguration` for another run's.
  func examine(_ checkpoint: String) throws {
    try SavedModel.examine(checkpoint)
    let (state, change) = try RunState.read(from: checkpoint, for: self)
    var mixture = mixture()
    try MethodFile.restore(&mixture, state, for: self, over: change, from: checkpoint)
  }
}
