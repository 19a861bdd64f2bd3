import Corpus
import Liveness
import MPI
import Mixing
import Parallel
import Storage

/// The trainer's side of drawing: which windows a step has, and that they are where they are read.
extension Trainer {
  /// Draws the step's windows, the same on every rank, and chains them into the hash of all batches; says once of each
  /// domain that all its text has been read and is read again.
  mutating func drawBatch() throws {
    draw(step, from: &sampler, into: &batch.windows)
    batchesChecksum.reset()
    add((batchesHash.high, batchesHash.low), to: &batchesChecksum)
    for window in batch.windows { add((Int64(window.domain), Int64(window.index)), to: &batchesChecksum) }
    batchesHash = batchesChecksum.digest
    for window in batch.windows {
      let domain = Int(window.domain)
      guard !isRepeated[domain], sampler.completedEpochs(of: domain) > 0 else { continue }
      isRepeated[domain] = true
      try noteRepetition(of: domain)
    }
  }

  /// Waits for the windows of the step, if they travel, and lets those of the next follow, unless they depend on a move
  /// of the weights.
  mutating func exchangeWindows(_ watch: inout Stopwatch, over world: borrowing Communicator) throws {
    guard batch.source.isExchanged else { return }
    watch.lap(\.data)
    FlightRecorder.enter(.read)
    try batch.bring(over: world)
    let isMoved = plan.method.weighting == .draws && steering.movesWeights(before: step + 1)
    if step < plan.steps, !isMoved {
      peek(step + 1, from: &sampler, into: &coming)
      try batch.ask(for: coming, over: world)
    }
    watch.lap(\.exchange)
  }

  /// Records that a domain has been read once, for the first domains of which that is so.
  private mutating func noteRepetition(of domain: Int) throws {
    repeatedCount += 1
    guard repeatedCount <= NamedDomains.few + 1 else { return }
    let message =
      repeatedCount > NamedDomains.few
      ? "More than \(NamedDomains.few) domains have been read once and start again; further ones are not named."
      : "Domain \(plan.corpus.domains.name(domain)) has been read once and starts again."
    try root?.journal.event(step, "epoch", message, isWarning: false)
  }
}

/// Adds the bytes of two numbers to a checksum.
private func add<Number: FixedWidthInteger>(_ pair: (Number, Number), to checksum: inout Checksum) {
  withUnsafeBytes(of: pair) { checksum.update($0) }
}

/// Fills `windows` with those of a step.
private func draw(_ step: Int, from sampler: inout MixtureSampler, into windows: inout [Window]) {
  var slots = windows.mutableSpan
  sampler.draw(step: step, into: &slots)
}

/// Fills `windows` with those that a step will have if nothing moves before it.
private func peek(_ step: Int, from sampler: inout MixtureSampler, into windows: inout [Window]) {
  var slots = windows.mutableSpan
  sampler.peek(step: step, into: &slots)
}
