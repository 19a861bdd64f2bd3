import Foundation
import Synchronization

/// Requests that arrive as signals, noted by the handlers and answered between steps.
///
/// USR1: write a checkpoint and exit with 75. USR2: write a checkpoint and go on. Open MPI passes both on to every rank
/// within milliseconds and kills nothing. TERM is left alone: the last checkpoint is good.
enum StopSignal {
  /// What was asked for; the larger wins when ranks have heard different things.
  enum Request: Int, Comparable {
    case none, checkpoint, stop
    static func < (a: Request, b: Request) -> Bool { a.rawValue < b.rawValue }
  }

  private static let pending = Atomic<Int>(0)

  /// Installs the handlers.
  static func install() {
    signal(SIGUSR1) { _ in StopSignal.pending.store(Request.stop.rawValue, ordering: .relaxed) }
    signal(SIGUSR2) { _ in
      _ = StopSignal.pending.compareExchange(
        expected: Request.none.rawValue, desired: Request.checkpoint.rawValue, ordering: .relaxed)
    }
  }

  /// What this rank has been asked for.
  static var request: Request { Request(rawValue: pending.load(ordering: .relaxed)) ?? .none }

  /// Forgets a request for a checkpoint that has been met.
  static func acknowledge() {
    _ = pending.compareExchange(
      expected: Request.checkpoint.rawValue, desired: Request.none.rawValue, ordering: .relaxed)
  }
}
