import Checkpoints
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
  private static let methodFile = "method.json"

  private var checkpoints: CheckpointStore {
    CheckpointStore(path: plan.description.run + "/checkpoints", keep: plan.description.checkpoint.keep)
  }

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
      try root.mixture.encodeMethod().write(to: URL(fileURLWithPath: "\(directory)/\(Self.methodFile)"))
      try TensorFiles.copyTokenizer(of: plan.corpus, to: directory)
    }
  }

  private func state(_ root: Root) throws -> RunState {
    RunState(
      step: step, updates: replica.optimizer.updates, times: times, cursors: sampler.cursors, steering: steering.state,
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
  ) throws -> RunState? {
    guard let directory = try newestCheckpoint(over: world) else { return nil }
    let rank = world.rank
    return try world.agree {
      let state = try RunState.read(from: directory)
      try state.check(plan.identity, of: directory)
      if rank == 0 { warnOfOtherRounding(state) }
      let layout = replica.model.layout
      try TensorFiles.read(&parameters, &replica.optimizer, layout: layout, from: directory)
      replica.optimizer.updates = state.updates
      (step, times, batchesHash) = (state.step, state.times, state.batchesHash)
      owesEvaluation = state.owesEvaluation ?? false
      outliers = state.outliers ?? OutlierWatch()
      guard state.mixture.weights.count == weights.count, state.ledger.count == weights.count else {
        throw Failure(.badData, "\(directory)/state.json has the mixture of another corpus.")
      }
      try sampler.restore(cursors: state.cursors)
      for domain in isRepeated.indices { isRepeated[domain] = sampler.completedEpochs(of: domain) > 0 }
      mixture.restore(state.mixture)
      try mixture.restoreMethod(from: "\(directory)/\(Self.methodFile)")
      lossWeights = state.mixture.weights.values
      if plan.method.weighting == .draws { try setWeights(mixture.draws.values) }
      let isSame = try steering.restore(state.steering, after: step) { elements in
        let file = "\(directory)/\(Self.directionFile)"
        guard FileManager.default.fileExists(atPath: file) else { return false }
        try TensorFiles.read(rows: &elements, layout: layout, from: file)
        return true
      }
      if isSame { return state }
      mixture.forgetScores()
      var other = state
      other.forecast = Forecast()
      return other
    }
  }

  /// The newest whole checkpoint, chosen by the root rank, so that all ranks read the same one; nil if there is none
  /// yet.
  private func newestCheckpoint(over world: borrowing Communicator) throws -> String? {
    let rank = world.rank
    let chosen = try world.agree {
      guard rank == 0 else { return "" }
      var damaged = 0
      let newest = try checkpoints.newest {
        damaged += 1
        Console.note("warning: " + $0)
      }
      guard newest != nil || damaged == 0 else {
        throw Failure(
          .badData,
          "No checkpoint of \(plan.description.run) is whole, so there is nothing to resume; start another `run`.")
      }
      return newest ?? ""
    }
    let directory = String(decoding: try world.broadcast(Array(chosen.utf8), root: 0), as: UTF8.self)
    return directory.isEmpty ? nil : directory
  }

  private func warnOfOtherRounding(_ state: RunState) {
    guard let micro = state.micro, micro != plan.batch.micro, plan.description.reduction == .canonical else { return }
    Console.note(
      "warning: the run had micro-batches of \(micro) sequences and goes on with \(plan.batch.micro), so results will be "
        + "equal but for rounding; batch.micro=\(micro) gives the same bits.")
  }
}

extension Mixture {
  /// The method's state for a checkpoint.
  func encodeMethod() throws -> Data {
    func encode(_ method: some MixingMethod) throws -> Data { try JSON.state.data(method.state) }
    return try encode(method)
  }

  /// Goes on with the method's state of a checkpoint.
  ///
  /// - Throws: `Failure(.badData)` if the file is damaged or another method's.
  mutating func restoreMethod(from path: String) throws {
    struct File: MethodStateDecoder {
      let data: Data
      func decode<State: Decodable>(_ type: State.Type) throws -> State { try JSON.state.decode(type, from: data) }
    }
    do {
      try restoreMethod(from: File(data: Data(contentsOf: URL(fileURLWithPath: path))))
    } catch {
      throw Failure(.badData, "\(path) cannot be read: \(error)")
    }
  }
}
