import Foundation
import Kernels
import MPI

/// The machine that a benchmark ran on, as far as it decides the figures.
struct Machine: Encodable {
  let processor, blas_kernel, mpi: String
  let ranks, nodes, threads_per_rank, cores_per_node: Int
  let last_level_cache_bytes: Int

  /// Asks this rank's node.
  init(ranks: Int, nodes: Int) {
    let lines = Self.lines(of: "/proc/cpuinfo")
    let name = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last
    processor = name.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
    blas_kernel = BLAS.coreName
    mpi = MPI.libraryVersion
    self.ranks = ranks
    self.nodes = nodes
    threads_per_rank = Threads.count
    cores_per_node = ProcessInfo.processInfo.processorCount
    last_level_cache_bytes = Self.lastLevelCaches
  }

  /// Bytes of all last-level caches of this node together; 32 MiB if Linux does not say.
  private static var lastLevelCaches: Int {
    var found: [String: Int] = [:]
    for processor in 0..<ProcessInfo.processInfo.processorCount {
      for level in [3, 2] {
        let cache = "/sys/devices/system/cpu/cpu\(processor)/cache/index\(level)"
        // Such as 49152K; the processors that share a cache tell it from the others.
        guard let size = lines(of: cache + "/size").first, size.hasSuffix("K"), let kilobytes = Int(size.dropLast()),
          let sharers = lines(of: cache + "/shared_cpu_list").first
        else { continue }
        found[sharers] = kilobytes << 10
        break
      }
    }
    return found.isEmpty ? 32 << 20 : found.values.reduce(0, +)
  }

  /// Lets the peak of resident memory start again from what is resident now, where Linux allows it.
  static func resetPeakMemory() {
    // 5 resets VmHWM; see proc(5).
    try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
  }

  /// The most bytes of memory that this process has had, at once, since the reset.
  static var peakMemory: Int {
    let line = lines(of: "/proc/self/status").first { $0.hasPrefix("VmHWM:") }
    return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) << 10
  }

  private static func lines(of path: String) -> [String] {
    ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n").map(String.init)
  }
}
