import Dispatch
import Foundation
import Kernels
import MPI

/// What the machine can do at best: the matrix product of OpenBLAS, and memory.
struct Ceilings {
  /// OpenBLAS's product of 1,024 x 1,024 with all ranks at work, and with one at a time, GFLOP/s per rank.
  let product, productAlone: Rate
  /// Copying and a[i] = b[i] + s c[i], all ranks at work, GB/s per rank. Bytes are counted as by STREAM: what the
  /// program names.
  let copy, triad: Rate
  /// The length of each array, beyond what caches hold.
  let arrayBytes: Int

  /// The better of copy and triad, against which kernels are held that wait for memory.
  var bandwidth: Rate { copy.best > triad.best ? copy : triad }
}

/// Measures the matrix product's ceiling of every rank.
///
/// Each thread of a rank makes products of its own; OpenBLAS stays with one thread.
public struct ProductCeiling: Sendable {
  private let seconds: Double

  /// Plans to measure for about `seconds`.
  public init(seconds: Double) { self.seconds = seconds }

  /// All ranks at once. Collective: every rank calls.
  func together(over world: borrowing Communicator) throws -> Rate {
    try world.barrier()
    return try Rate(ofThisRank: measure(), over: world)
  }

  /// One rank after the other, while the others sleep. Collective: every rank calls.
  func alone(over world: borrowing Communicator) throws -> Rate {
    var own = Rate(best: 0, median: 0)
    for rank in 0..<world.size {
      try world.barrier()
      // Ranks that wait inside MPI would keep their cores busy.
      if rank == world.rank { own = measure() } else { Thread.sleep(forTimeInterval: seconds) }
    }
    return try Rate(ofThisRank: own, over: world)
  }

  /// This rank alone, whatever the others do.
  public func measure() -> Rate {
    let threads = Threads.count
    guard threads > 1 else { return measureThread() }
    var rates = [Rate](repeating: Rate(best: 0, median: 0), count: threads)
    rates.withUnsafeMutableBufferPointer { rates in
      nonisolated(unsafe) let rates = rates
      DispatchQueue.concurrentPerform(iterations: threads) { rates[$0] = measureThread() }
    }
    return Rate(best: rates.reduce(0) { $0 + $1.best }, median: rates.reduce(0) { $0 + $1.median })
  }

  private func measureThread() -> Rate {
    let size = 1024
    let a = Arena.noise(count: size * size)
    let b = Arena.noise(count: size * size)
    let c = Arena(count: size * size)
    let (x, y) = (a.matrix(at: 0, rows: size, columns: size), b.matrix(at: 0, rows: size, columns: size))
    let z = c.matrix(at: 0, rows: size, columns: size)
    return Rate(2 * Double(size * size * size), in: Timing.measure(seconds: seconds) { multiply(x, by: y, into: z) })
  }
}

/// Measures the bandwidth of memory with all ranks at work, each on arrays of its own.
struct BandwidthCeiling {
  let seconds: Double
  /// Floats in an array.
  let count: Int

  /// Chooses arrays that make four times the last-level caches when `ranks` ranks of a node have one each.
  init(seconds: Double, lastLevelCacheBytes: Int, ranksOfNode ranks: Int) {
    self.seconds = seconds
    count = max(1 << 20, 4 * lastLevelCacheBytes / MemoryLayout<Float>.stride / ranks)
  }

  /// Copies `b` to `a` and computes a = b + s c. Collective: every rank calls.
  func run(over world: borrowing Communicator) throws -> (copy: Rate, triad: Rate) {
    var a = Arena(count: count)
    let b = Arena.noise(count: count)
    let c = Arena.noise(count: count)
    let bytes = Double(count * MemoryLayout<Float>.stride)
    try world.barrier()
    let copied = Timing.measure(seconds: seconds) { copy(b.row, to: a.row) }
    try world.barrier()
    let added = Timing.measure(seconds: seconds) { triad(&a, b, c, factor: 3) }
    return (
      try Rate(ofThisRank: Rate(2 * bytes, in: copied), over: world),
      try Rate(ofThisRank: Rate(3 * bytes, in: added), over: world)
    )
  }
}

private func triad(_ a: inout Arena, _ b: borrowing Arena, _ c: borrowing Arena, factor: Float) {
  var a = a.mutableSpan
  let (b, c) = (b.span, c.span)
  for i in 0..<a.count { a[i] = b[i] + factor * c[i] }
}

extension Rate {
  /// The mean over ranks. Collective: every rank calls.
  init(ofThisRank own: Rate, over world: borrowing Communicator) throws {
    self.init(
      best: try world.allReduce(own.best, .sum) / Double(world.size),
      median: try world.allReduce(own.median, .sum) / Double(world.size))
  }
}
