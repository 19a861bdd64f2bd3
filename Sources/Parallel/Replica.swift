import Corpus
import Kernels
import Liveness
import MPI
import Transformer

/// One rank's replica of the model, with what it needs to run its share of a batch.
///
/// The loop over groups, micro-batches, reading, forward and backward is here, once; training, the target's direction
/// and probes call it.
package struct Replica: ~Copyable {
  package var model: GPT2
  /// The sum of gradients over ranks.
  package var reduction: GradientReduction
  /// AdamW over this rank's shards.
  package var optimizer: Optimizer
  /// Tokens of a sequence.
  package let length: Int
  private var reader: BatchReader
  /// The factors of a micro-batch's sequences.
  private let factors: Arena
  /// Where the time of the last pass went.
  package private(set) var seconds = Seconds()

  /// Seconds of one pass, by part.
  package struct Seconds {
    /// Reading windows; the forward pass; waiting for parameters within it; the backward pass; scores along directions
    /// within it.
    package var data = 0.0, forward = 0.0, waiting = 0.0, backward = 0.0, directions = 0.0
  }

  /// Makes a replica of `model`, whose optimizer says which shards of parameters and gradients this rank owns.
  package init(_ model: consuming GPT2, _ optimizer: consuming Optimizer) {
    length = model.length
    reader = BatchReader(length: model.length, capacity: model.capacity)
    factors = Arena(count: model.capacity)
    self.model = model
    reduction = GradientReduction(optimizer.shards)
    self.optimizer = optimizer
  }

  /// Runs this rank's share of a batch with parameters that arrive meanwhile, each part of which is waited for before
  /// it is read.
  ///
  /// When it returns, the last gradients are on their way to other ranks: ``Gradients/averaged(by:over:)`` waits for
  /// them. Collective: every rank calls, with the same batch.
  ///
  /// - Parameters:
  ///   - directions: Rows of the layout to score sequences along, (directions, layout's length).
  ///   - record: Receives this rank's losses and scores; everything else in it becomes zero.
  /// - Throws: `Failure(.badData)` if the corpus is damaged; `MPIError`.
  package mutating func run(
    _ batch: Batch, _ gradients: inout Gradients<Local>, _ parameters: consuming Parameters<Arriving>,
    along directions: Matrix? = nil, recording record: inout PassRecord, over world: borrowing Communicator
  ) throws -> Parameters<Whole> {
    var arriving = parameters
    let row = arriving.row
    try loop(
      batch, &gradients, row, along: directions, depth: .embeddings, recording: &record, over: world
    ) { part in
      try arriving.wait(for: part, over: world)
    }
    return try arriving.whole(over: world)
  }

  /// The same with parameters that are there.
  ///
  /// - Parameter depth: How far down the backward passes go.
  package mutating func run(
    _ batch: Batch, _ gradients: inout Gradients<Local>, _ parameters: borrowing Parameters<Whole>,
    along directions: Matrix? = nil, depth: BackwardDepth = .embeddings, recording record: inout PassRecord,
    over world: borrowing Communicator
  ) throws {
    try loop(
      batch, &gradients, parameters.row, along: directions, depth: depth, recording: &record, over: world
    ) { _ in }
  }

  private mutating func loop(
    _ batch: Batch, _ gradients: inout Gradients<Local>, _ parameters: Matrix, along directions: Matrix?,
    depth: BackwardDepth, recording record: inout PassRecord, over world: borrowing Communicator,
    needing: (Range<Int>) throws -> Void
  ) throws {
    seconds = Seconds()
    record.clear()
    FlightRecorder.enter(.read)
    try batch.bring(over: world)
    let directionSeconds = model.directionSeconds
    let groups = batch.tree.groups(of: world.rank)
    for group in groups {
      let microBatches = batch.tree.microBatches(of: group)
      for microBatch in microBatches {
        let isLast = group + 1 == groups.upperBound && microBatch + 1 == microBatches.upperBound
        // The last one's gradients are sent: other ranks wait for them.
        if !isLast, batch.isGivenUp() { continue }
        let slots = batch.slots(ofMicroBatch: microBatch)
        try forward(batch.windows[slots], from: batch.source, parameters, needing: needing)
        FlightRecorder.enter(.backward)
        let scale = scale(of: batch, slots)
        let clock = ContinuousClock()
        let start = clock.now
        let loss =
          isLast
          ? try gradients.accumulate(
            &model, parameters: parameters, scale, along: directions, depth: depth, reducing: &reduction, over: world)
          : gradients.accumulate(&model, parameters: parameters, scale, along: directions, depth: depth)
        record.set(loss: loss, ofMicroBatch: microBatch)
        note(slots, scale, directions: directions?.rows ?? 0, in: &record)
        seconds.backward += start.duration(to: clock.now) / .seconds(1)
      }
      if group + 1 < groups.upperBound { gradients.closeGroup() }
    }
    seconds.directions = model.directionSeconds - directionSeconds
    seconds.backward -= seconds.directions
  }

  /// Reads windows and runs them forward.
  private mutating func forward(
    _ windows: ArraySlice<Window>, from source: WindowSource, _ parameters: Matrix,
    needing: (Range<Int>) throws -> Void
  ) throws {
    let clock = ContinuousClock()
    let start = clock.now
    FlightRecorder.enter(.read)
    try read(windows, from: source)
    FlightRecorder.enter(.forward)
    let middle = clock.now
    var waiting = Duration.zero
    try model.forward(reader, parameters: parameters) { part in
      let start = clock.now
      try needing(part)
      waiting += start.duration(to: clock.now)
    }
    seconds.data += start.duration(to: middle) / .seconds(1)
    seconds.waiting += waiting / .seconds(1)
    seconds.forward += (middle.duration(to: clock.now) - waiting) / .seconds(1)
  }

  private mutating func read(_ windows: ArraySlice<Window>, from source: WindowSource) throws {
    reader.clear()
    for window in windows { try reader.append(window, from: source) }
  }

  /// The factors of the losses of some slots.
  private func scale(of batch: Batch, _ slots: Range<Int>) -> LossScale {
    guard !batch.factors.isEmpty else { return LossScale(batch.scale) }
    let row = factors.row.columns(0, count: slots.count)
    for (place, slot) in slots.enumerated() { row[0, place] = batch.factors[slot] }
    return LossScale(batch.scale, times: row)
  }

  /// Notes losses and scores of the micro-batch that was run last.
  private func note(_ slots: Range<Int>, _ scale: LossScale, directions: Int, in record: inout PassRecord) {
    for (sequence, slot) in slots.enumerated() {
      record.set(loss: model.loss(ofSequence: sequence), ofSlot: slot)
      for direction in 0..<directions {
        let score = model.score(ofSequence: sequence, along: direction)
        let factor = Double(scale.factor(ofSequence: sequence)) * Double(length)
        record.set(score: score / factor, ofSlot: slot, along: direction)
      }
    }
  }

  // MARK: Rows whose shards lie on all ranks

  /// The sum of squares of a row of the layout, each rank having its own shards of it.
  ///
  /// Collective: every rank calls.
  ///
  /// - Throws: `MPIError`.
  package mutating func sumOfSquares(of row: Matrix, over world: borrowing Communicator) throws -> Double {
    try reduction.sum(over: world) { first, count, _ in Kernels.sumOfSquares(row.columns(first, count: count)) }
  }

  /// The inner product of two rows of the layout, each rank having its own shards of them.
  ///
  /// Collective: every rank calls.
  ///
  /// - Throws: `MPIError`.
  package mutating func innerProduct(
    of row: Matrix, and other: Matrix, over world: borrowing Communicator
  ) throws -> Double {
    try reduction.sum(over: world) { first, count, _ in
      dot(row.columns(first, count: count), other.columns(first, count: count))
    }
  }

  /// Divides this rank's shards of a gradient by what AdamW divides its updates by.
  ///
  /// Collective: every rank calls.
  ///
  /// - Returns: The inner product of the gradient before and after, all ranks together.
  /// - Throws: `MPIError`.
  package mutating func applyPreconditioner(to row: Matrix, over world: borrowing Communicator) throws -> Double {
    try reduction.sum(over: world) { first, count, offset in
      optimizer.applyPreconditioner(to: row.columns(first, count: count), ownOffset: offset)
    }
  }

  /// Copies every rank's shards of an arena of the layout to all ranks.
  ///
  /// Collective: every rank calls.
  ///
  /// - Throws: `MPIError`.
  package func gather(_ arena: inout Arena, over world: borrowing Communicator) throws {
    var gather = ParameterGather(optimizer.shards)
    try gather.gather(&arena, over: world)
  }

  // MARK: Passes of this rank alone

  /// Computes the loss of every token of some windows into the model's ``GPT2/losses``.
  ///
  /// - Precondition: there are at most as many as the model has room for; they were brought to this rank, here and
  ///   below.
  /// - Throws: `Failure(.badData)` if the corpus is damaged.
  package mutating func evaluate(
    _ windows: ArraySlice<Window>, from source: WindowSource, _ parameters: borrowing Parameters<Whole>
  ) throws {
    try read(windows, from: source)
    model.evaluate(reader, parameters: parameters.row)
  }

  /// Scores windows along directions without forming gradients; the model's scores are those of their mean losses.
  ///
  /// - Parameter depth: How far down the backward pass goes.
  /// - Precondition: there are at most as many as the model has room for.
  /// - Throws: `Failure(.badData)` if the corpus is damaged.
  package mutating func score(
    _ windows: ArraySlice<Window>, from source: WindowSource, _ parameters: borrowing Parameters<Whole>,
    along directions: Matrix, depth: BackwardDepth = .embeddings
  ) throws {
    try forward(windows, from: source, parameters.row) { _ in }
    _ = model.backward(
      parameters: parameters.row, gradients: nil, LossScale(1 / Float(length)), along: directions, depth: depth
    ) { _ in }
  }

  /// Adds the gradient of the mean loss of one window to `sum`, or writes it there.
  ///
  /// - Parameter depth: How far down the backward pass goes.
  /// - Throws: `Failure(.badData)` if the corpus is damaged.
  package mutating func gradient(
    of window: ArraySlice<Window>, from source: WindowSource, _ parameters: borrowing Parameters<Whole>, to sum: Matrix,
    adding: Bool, depth: BackwardDepth = .embeddings
  ) throws {
    try forward(window, from: source, parameters.row) { _ in }
    _ = model.backward(
      parameters: parameters.row, gradients: sum, adding: adding, LossScale(1 / Float(length)), depth: depth
    ) { _ in }
  }
}
