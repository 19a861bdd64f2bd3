import Configuration
import MPI
import Mixing

/// The trainer's side of checkpoints: what goes into one, and what a run that goes on takes out of it.
extension Trainer {
  /// Writes a checkpoint from the root rank, to which the others bring their moments.
  mutating func writeCheckpoint(
    to store: CheckpointStore, _ journal: Journal?, over world: borrowing Communicator
  ) throws {
    var moments = MomentGathering(layout: model.layout, optimizer.shards)
    try world.agree {
      guard let journal else { return try moments.finish(of: optimizer, over: world) }
      do {
        try write(to: store, journal, &moments, over: world)
      } catch {
        // The other ranks do not know yet, and wait until all of their moments are taken.
        try moments.finish(of: optimizer, over: world)
        throw error
      }
    }
  }

  /// Writes all files of a checkpoint.
  private mutating func write(
    to store: CheckpointStore, _ journal: Journal, _ moments: inout MomentGathering,
    over world: borrowing Communicator
  ) throws {
    let state = RunState(
      step: step, updates: optimizer.updates, seconds: times.steps,
      alignmentSeconds: times.alignment, cursors: sampler.cursors, alignment: alignment?.state, mixture: mixture.state,
      batchesHash: batchesHash, metricsOffset: try journal.synchronizeMetrics(),
      model: [plan.model.layers, plan.model.heads, plan.model.width, plan.model.context, plan.model.vocabularySize],
      tokenizer: plan.corpus.tokenizer.hash.description, endOfDocument: Int(plan.corpus.tokenizer.endOfDocument),
      micro: plan.batch.micro, identity: plan.identity)
    try store.write(step: step) { directory in
      try TensorFiles.write(
        parameters, optimizer, &moments, layout: model.layout, to: directory, over: world)
      try alignment?.writeDirection(after: step, to: directory, layout: model.layout)
      try state.write(to: directory)
      try TensorFiles.copyTokenizer(of: plan.corpus, to: directory)
    }
  }

  /// Goes on from the newest whole checkpoint, if there is one; returns where `metrics.jsonl` was then.
  mutating func restore(from store: CheckpointStore, over world: borrowing Communicator) throws -> Int {
    // The root chooses, so that all ranks read the same one.
    let chosen = try world.agree {
      guard world.rank == 0 else { return "" }
      var damaged = 0
      let newest = store.newest {
        damaged += 1
        MPI.writeLineToStandardError("warning: " + $0)
      }
      guard newest != nil || damaged == 0 else {
        throw Failure(
          .badData,
          "No checkpoint of \(plan.configuration.run) is whole, so there is nothing to resume; start another `run`.")
      }
      return newest ?? ""
    }
    let directory = String(decoding: try world.broadcast(Array(chosen.utf8), root: 0), as: UTF8.self)
    guard !directory.isEmpty else { return 0 }
    return try world.agree {
      let state = try RunState.read(from: directory)
      try state.check(plan.identity, of: directory)
      guard state.alignment != nil || plan.mixEvery == nil else {
        throw Failure(
          .badData,
          "\(directory) was written by an older dga, without what is known of alignments; start another `run`.")
      }
      if let micro = state.micro, micro != plan.batch.micro, plan.configuration.reduction == .canonical, world.rank == 0
      {
        MPI.writeLineToStandardError(
          "warning: the run had micro-batches of \(micro) sequences and goes on with \(plan.batch.micro), so results will be "
            + "equal but for rounding; batch.micro=\(micro) gives the same bits.")
      }
      try TensorFiles.read(&parameters, &optimizer, layout: model.layout, from: directory)
      step = state.step
      optimizer.updates = state.updates
      times = Times(steps: state.seconds, alignment: state.alignmentSeconds)
      batchesHash = state.batchesHash
      mixture.restore(state.mixture)
      try sampler.restore(cursors: state.cursors)
      for domain in isRepeated.indices { isRepeated[domain] = sampler.completedEpochs(of: domain) > 0 }
      try setWeights(mixture.sampledWeights.values)
      if let saved = state.alignment {
        try alignment?.restore(saved, step: step, from: directory, layout: model.layout)
      }
      return state.metricsOffset
    }
  }
}
