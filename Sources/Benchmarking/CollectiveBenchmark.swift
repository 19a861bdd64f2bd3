import Kernels
import MPI

/// The time of one collective operation on a buffer.
struct CollectiveFigure: Encodable {
  let operation: String
  /// The length of the whole buffer, as a rank holds it before an all-reduce or after an all-gather.
  let bytes: Int
  /// Until the slowest rank is through.
  let seconds, median_seconds: Double
  /// Bytes of the buffer over the best time.
  let gigabytes_per_second: Double
}

/// Measures the collectives that move gradients and parameters, for buffers from 4 KiB to 64 MiB.
struct CollectiveBenchmark {
  /// For each operation and length, about.
  let seconds: Double

  private static let lengths = stride(from: 12, through: 26, by: 2).map { 1 << $0 }

  /// Measures every operation. Collective: every rank calls.
  func run(over world: borrowing Communicator) throws -> [CollectiveFigure] {
    var figures: [CollectiveFigure] = []
    for bytes in Self.lengths {
      var buffer = Arena(count: bytes / MemoryLayout<Float>.stride)
      var part = Arena(count: world.block(of: buffer.count, rank: world.rank).count)
      let reduction = try measure("all-reduce", bytes, over: world) {
        var values = buffer.mutableSpan
        try world.allReduce(&values, .sum)
      }
      let scattering = try measure("reduce-scatter", bytes, over: world) {
        var received = part.mutableSpan
        try world.reduceScatter(buffer.span, into: &received, .sum)
      }
      let gathering = try measure("all-gather", bytes, over: world) {
        var values = buffer.mutableSpan
        try world.allGather(&values)
      }
      figures += [reduction, scattering, gathering]
    }
    return figures
  }

  /// Runs `body` as often on every rank, each time until the slowest is through.
  private func measure(
    _ operation: String, _ bytes: Int, over world: borrowing Communicator, _ body: () throws -> Void
  ) throws -> CollectiveFigure {
    let clock = ContinuousClock()
    func round() throws -> Double {
      try world.barrier()
      return try world.allReduce(clock.measure(body) / .seconds(1), .max)
    }
    _ = try round()
    // All ranks know the slowest one's time, so all agree on the number of rounds.
    let rounds = min(200, max(5, Int(seconds / (try round()))))
    let timing = Timing(try (0..<rounds).map { _ in try round() })
    return CollectiveFigure(
      operation: operation, bytes: bytes, seconds: timing.best, median_seconds: timing.median,
      gigabytes_per_second: Double(bytes) / timing.best / 1e9)
  }
}
