import Corpus
import Kernels
import MPI
import Parallel
import Transformer

/// A trained model whose losses methods compare the present model's with, on the same tokens.
package struct ReferenceModel: Meter {
  /// Parameters of a trained model, and its shape.
  package struct Source: Sendable {
    package let model: ModelConfiguration
    /// Reads the parameters into memory of the model's layout.
    package let read: @Sendable () throws -> [Float]

    package init(model: ModelConfiguration, read: @escaping @Sendable () throws -> [Float]) {
      self.model = model
      self.read = read
    }
  }

  /// The model and its parameters, which never change.
  private final class Memory {
    var model: GPT2
    let parameters: Arena

    init(_ model: consuming GPT2, _ parameters: consuming Arena) {
      self.model = model
      self.parameters = parameters
    }
  }

  private let memory: Memory
  private let length: Int
  private var reader: BatchReader
  private var kept: [Float]

  /// Reads the model.
  ///
  /// - Parameter capacity: The most sequences that are evaluated at once.
  /// - Throws: `Failure` if its parameters cannot be read.
  package init(_ source: Source, length: Int, capacity: Int) throws {
    let model = GPT2(source.model, sequences: capacity, length: length, recomputing: true)
    let values = try source.read()
    var parameters = Arena(count: model.layout.arenaCount)
    var span = parameters.mutableSpan
    for index in values.indices { span[index] = values[index] }
    memory = Memory(model, parameters)
    self.length = length
    reader = BatchReader(length: length, capacity: capacity)
    kept = [Float](repeating: 0, count: capacity * length)
  }

  package mutating func measure(
    _ sample: inout Sample, along directions: Matrix, on replica: inout Replica,
    _ parameters: borrowing Parameters<Whole>, with gradients: consuming Gradients<Local>,
    over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    let (count, capacity) = (sample.windows.count, replica.model.capacity)
    sample.losses = [Double](repeating: 0, count: count)
    sample.referenceLosses = sample.losses
    sample.excessLosses = sample.losses
    let chunks = sample.chunks(of: capacity)
    try sample.source.deal(sample.windows, in: chunks, over: world) { chunk in
      try compare(chunks[chunk], of: &sample, replica: &replica, parameters)
    }
    try sumRows(&sample.losses, over: world)
    try sumRows(&sample.referenceLosses, over: world)
    try sumRows(&sample.excessLosses, over: world)
    return gradients
  }

  /// Fills in the losses of some rows; the excess is clipped token by token, before the mean is taken (DoReMi).
  private mutating func compare(
    _ places: Range<Int>, of sample: inout Sample, replica: inout Replica, _ parameters: borrowing Parameters<Whole>
  ) throws {
    try replica.evaluate(sample.windows[places], from: sample.source, parameters)
    reader.clear()
    for window in sample.windows[places] {
      try reader.append(window, from: sample.source)
    }
    memory.model.evaluate(reader.windows, parameters: memory.parameters.row)
    let (own, others) = (replica.model.losses, memory.model.losses)
    for (row, place) in places.enumerated() {
      var excess = 0.0
      for token in 0..<length { excess += Double(max(0, own[row, token] - others[row, token])) }
      sample.losses[place] = replica.model.loss(ofSequence: row)
      sample.referenceLosses[place] = memory.model.loss(ofSequence: row)
      sample.excessLosses[place] = excess / Double(length)
    }
  }
}
