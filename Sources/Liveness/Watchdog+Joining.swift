internal import CSignals
import Foundation
import Synchronization

/// The time before ranks know each other: nobody can be asked then.
extension Watchdog {
  private static let hasJoined = Atomic<Bool>(false)

  /// Ends this process with a message if ``joined()`` has not been called after some seconds: joining the other ranks
  /// may never come back, either.
  public static func expectStart(within seconds: Double) {
    // MPI changes the environment while it starts, so the thread must not read it.
    let rank = ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_RANK"].flatMap { Double($0) } ?? 0
    Thread.detachNewThread {
      // The lowest rank speaks; the launcher ends the others when it leaves.
      let end = FlightRecorder.now + UInt64((seconds + min(3, rank / 2)) * 1e9)
      while FlightRecorder.now < end {
        if hasJoined.load(ordering: .acquiring) { return }
        Thread.sleep(forTimeInterval: 0.1)
      }
      if hasJoined.load(ordering: .acquiring) { return }
      let stopped = stoppedSiblings()
      let line =
        "error: Joining the other ranks has taken more than \(Int(seconds)) s: "
        + (stopped.isEmpty
          ? "some rank has not started, or its host cannot be reached"
          : stopped.joined(separator: ", ") + (stopped.count > 1 ? " are" : " is") + " stopped by a signal") + ".\n"
      _ = line.utf8CString.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count - 1) }
      dga_end_launcher(20)
      _exit(exitCode)
    }
  }

  /// Says that all ranks have joined.
  public static func joined() { hasJoined.store(true, ordering: .releasing) }

  /// The ranks that the same launcher has started on this host and that are stopped.
  private static func stoppedSiblings() -> [String] {
    let launcher = getppid()
    let list = (try? String(contentsOfFile: "/proc/\(launcher)/task/\(launcher)/children", encoding: .ascii)) ?? ""
    return list.split(separator: " ").compactMap { Int32($0) }.compactMap { process in
      let state = Endpoint(rank: 0, host: "", process: process, port: 0, addresses: []).processState(seenFrom: "")
      guard state == .stopped || state == .debugged else { return nil }
      let environment = FileManager.default.contents(atPath: "/proc/\(process)/environ") ?? Data()
      let key = "OMPI_COMM_WORLD_RANK="
      let entries = environment.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
      let entry = entries.first { $0.hasPrefix(key) }
      return "rank \(entry?.dropFirst(key.count) ?? "?") (process \(process))"
    }
  }
}
