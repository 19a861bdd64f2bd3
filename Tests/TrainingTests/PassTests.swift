import Corpus
import Kernels
import MPI
import Parallel
import Testing
import Training

extension MiddleTests {
  /// The one loop that runs batches forward and backward.
  @Suite struct PassTests {
    /// Sums in other orders differ by a few roundings of floats.
    static let tolerance = 1e-6

    @Test func `A pass tells the losses that an evaluation of the same windows gives`() throws {
      var bench = try Bench()
      let batch = bench.batch
      var memory = bench.gradients
      var record = bench.record()
      try bench.replica.run(batch, &memory, bench.parameters, recording: &record, over: bench.world)
      _ = try memory.averaged(by: &bench.replica.reduction, over: bench.world)
      var sum = 0.0
      for slot in batch.windows.indices {
        try bench.replica.evaluate(batch.windows[slot...slot], from: batch.source, bench.parameters)
        let loss = bench.replica.model.loss(ofSequence: 0)
        #expect(abs(record.loss(ofSlot: slot) - loss) < Self.tolerance)
        sum += loss / Double(batch.windows.count)
      }
      #expect(abs(record.loss - sum) < Self.tolerance)
    }

    @Test func `Parameters that arrive and parameters that are whole give the same bits`() throws {
      var bench = try Bench()
      let expected = try bench.gradient(of: bench.batch)
      var memory = bench.gradients
      var record = bench.record()
      let whole = try bench.replica.run(
        bench.batch, &memory, Parameters<Whole>(copying: bench.parameters, bench.replica).arriving(),
        recording: &record,
        over: bench.world)
      let averaged = try memory.averaged(by: &bench.replica.reduction, over: bench.world)
      #expect(values(averaged.row) == expected)
      #expect(values(whole.row) == values(bench.parameters.row))
    }

    @Test func `The gradient of a batch is the mean of its sequences' gradients`() throws {
      var bench = try Bench()
      let whole = try bench.gradient(of: bench.batch)
      var mean = [Float](repeating: 0, count: whole.count)
      for slot in 0..<8 {
        var single = bench.batch
        single.factors = (0..<8).map { $0 == slot ? 1 : 0 }
        for (index, value) in try bench.gradient(of: single).enumerated() { mean[index] += value }
      }
      #expect(difference(whole, mean) < Self.tolerance)
    }

    @Test func `A factor counts a sequence as often as it says`() throws {
      var bench = try Bench()
      var weighted = bench.batch
      weighted.factors = [3, 1, 1, 1, 1, 1, 0, 0]
      var repeated = bench.batch
      repeated.windows[6] = repeated.windows[0]
      repeated.windows[7] = repeated.windows[0]
      let (one, other) = (try bench.gradient(of: weighted), try bench.gradient(of: repeated))
      #expect(difference(one, other) < Self.tolerance)
    }
  }
}

extension Parameters where State == Whole {
  /// A copy of other parameters of the same replica.
  init(copying other: borrowing Parameters<Whole>, _ replica: borrowing Replica) {
    self.init(replica.optimizer.shards)
    var span = mutableSpan
    for index in 0..<span.count { span[index] = other.span[index] }
  }
}
