import COpenBLAS

/// What kernels run on, and OpenBLAS as the yardstick of their speed.
public enum BLAS {
  /// The kernel family that OpenBLAS chose for this processor, such as `Zen` or `SkylakeX`.
  ///
  /// Different kernels have very different speed, and so set different ceilings.
  public static var coreName: String { String(cString: openblas_get_corename()) }

  /// What computes matrix products: tiles of our own, of this many rows and columns.
  public static var productName: String { "tiles of \(MicroKernel.rows) x \(MicroKernel.columns)" }

  /// The number of threads that share the kernels' loops.
  public static var threads: Int { Threads.count }

  /// Sets the number of threads of all kernels, and makes this thread treat subnormal floats as zero.
  ///
  /// Threads divide loops among them; OpenBLAS stays with one but for measuring the ceiling.
  /// Call once before the first kernel.
  public static func start(threads: Int) {
    Threads.count = threads
    openblas_set_num_threads(1)
    dga_flush_subnormals()
  }

  /// Measures the ceiling that OpenBLAS's matrix product sets with the present threads: the best rate of several products of
  /// 1,024 x 1,024, in floating-point operations a second.
  ///
  /// - Parameter seconds: How long to go on measuring; at least three products are made.
  public static func measureCeiling(seconds: Double) -> Double {
    let size = 1024
    let storage = Arena(count: 3 * size * size)
    let a = storage.matrix(at: 0, rows: size, columns: size)
    let b = storage.matrix(at: size * size, rows: size, columns: size)
    let c = storage.matrix(at: 2 * size * size, rows: size, columns: size)
    for i in 0..<(2 * size * size) { storage.base[i] = Float(i % 13) * 0.01 }
    openblas_set_num_threads(Int32(threads))
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
