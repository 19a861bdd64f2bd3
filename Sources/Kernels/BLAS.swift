import COpenBLAS

/// OpenBLAS, which the speed of our own matrix products is measured against.
public enum BLAS {
  /// The kernel family that OpenBLAS chose for this processor, such as `Zen` or `SkylakeX`.
  ///
  /// Different kernels have very different speed, and so set different ceilings.
  public static var coreName: String { String(cString: openblas_get_corename()) }

  /// Measures the ceiling that OpenBLAS's matrix product sets with the present threads: the best rate of several
  /// products of 1,024 x 1,024, in floating-point operations per second.
  ///
  /// - Parameter seconds: How long to go on measuring; at least three products are made.
  public static func measureCeiling(seconds: Double) -> Double {
    let size = 1024
    let storage = Arena(count: 3 * size * size)
    let a = storage.matrix(at: 0, rows: size, columns: size)
    let b = storage.matrix(at: size * size, rows: size, columns: size)
    let c = storage.matrix(at: 2 * size * size, rows: size, columns: size)
    for i in 0..<(2 * size * size) { storage.base[i] = Float(i % 13) * 0.01 }
    openblas_set_num_threads(Int32(Threads.count))
    defer { openblas_set_num_threads(1) }
    let clock = ContinuousClock()
    let start = clock.now
    var best = Duration.seconds(3600)
    var rounds = 0
    while rounds < 3 || start.duration(to: clock.now) < .seconds(seconds) {
      let took = clock.measure { multiply(a, by: b, into: c) }
      best = min(best, took)
      rounds += 1
    }
    return 2 * Double(size * size * size) / (best / .seconds(1))
  }
}

/// The program's own matrix products.
public enum Products {
  /// What computes them: tiles of so many rows and columns.
  public static var name: String { "tiles of \(MicroKernel.rows) x \(MicroKernel.columns)" }
}
