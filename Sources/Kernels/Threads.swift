import CIntrinsics
import COpenBLAS
import Dispatch

/// The threads that a rank's kernels share their loops among.
public enum Threads {
  /// How many there are.
  public internal(set) nonisolated(unsafe) static var count = 1

  /// Sets the number of threads of all kernels, and makes this thread treat subnormal floats as zero.
  ///
  /// Call once, before the first kernel.
  public static func start(_ count: Int) {
    self.count = count
    // Its products are for comparison only; a thread of ours makes each.
    openblas_set_num_threads(1)
    dga_flush_subnormals()
  }
}

/// Calls `body(thread, first, count)` with consecutive parts of `0..<total`, one for each thread, at the same time.
///
/// All parts but the last are multiples of `unit`. With one thread it is a plain call. The body must write to its own
/// part only.
@inline(always)
func forEachThread(_ total: Int, multipleOf unit: Int = 1, _ body: (_ thread: Int, _ first: Int, _ count: Int) -> Void)
{
  let units = (total + unit - 1) / unit
  let threads = min(Threads.count, units)
  if threads <= 1 { return body(0, 0, total) }
  withoutActuallyEscaping(body) { body in
    // Parts do not overlap, so the threads share nothing that they write.
    nonisolated(unsafe) let body = body
    DispatchQueue.concurrentPerform(iterations: threads) { thread in
      dga_flush_subnormals()
      let first = units * thread / threads * unit
      let end = min(total, units * (thread + 1) / threads * unit)
      body(thread, first, end - first)
    }
  }
}
