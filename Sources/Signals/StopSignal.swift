internal import CSignals
import Failures
import Foundation

/// Requests that arrive as signals, noted by the handlers and answered by commands that last, between pieces of work.
///
/// USR1, TERM, HUP and INT: save what there is to save and exit with 75; a second INT kills. USR2: write a checkpoint
/// and go on. Open MPI passes USR1 and USR2 on to every rank within milliseconds.
public enum StopSignal {
  /// What was asked for; the larger wins when ranks have heard different things.
  public enum Request: Int, Comparable, Sendable {
    /// Nothing.
    case none
    /// A checkpoint, and to go on.
    case checkpoint
    /// A checkpoint, and to leave.
    case stop
    /// Orders requests by what they ask for.
    public static func < (a: Request, b: Request) -> Bool { a.rawValue < b.rawValue }
  }

  private static let start = ContinuousClock.now

  /// Notes signals from now on; those that arrived while the program was loaded have been noted already.
  public static func install() {
    _ = start
    dga_signals_note()
  }

  /// The seconds since ``install()``.
  public static var uptime: Double { start.duration(to: .now) / .seconds(1) }

  /// Gives signals their usual effect, for commands that do not last.
  public static func restore() { dga_signals_restore() }

  /// What this process has been asked for.
  public static var request: Request { Request(rawValue: Int(dga_signals_request())) ?? .none }

  /// Forgets a request for a checkpoint that has been met.
  public static func acknowledge() { dga_signals_acknowledge() }

  /// The name of the signal that asked last, such as `TERM`; nil if none has.
  public static var name: String? {
    switch dga_signals_last() {
    case 0: nil
    case SIGUSR1: "USR1"
    case SIGUSR2: "USR2"
    case SIGTERM: "TERM"
    case SIGHUP: "HUP"
    case SIGINT: "INT"
    case let other: "\(other)"
    }
  }

  /// Ends work that leaves nothing to go on from, if the process has been asked to stop.
  ///
  /// - Parameter consequence: What that means, after a semicolon.
  /// - Throws: `Failure(.preempted)`.
  public static func check(_ consequence: String) throws {
    guard request == .stop else { return }
    throw Failure(.preempted, "Stopped by the signal \(name ?? "of another process"); \(consequence).")
  }
}
