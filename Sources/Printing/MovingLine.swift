import Foundation
import Synchronization

/// How far work is, on standard error: a line that is written over on a terminal, a plain line now and then elsewhere.
public final class MovingLine: Sendable {
  private let isTerminal = Console.columns != nil
  private let clock = ContinuousClock()
  private let shown = Mutex(Shown())

  private struct Shown {
    var last: ContinuousClock.Instant?
    var isLineOpen = false
  }

  /// Creates a line that shows nothing yet.
  public init() {}

  /// Whether enough time has passed since the last time to show something again: 0.2 s on a terminal, 10 s elsewhere.
  ///
  /// - Parameter isLast: Whether nothing comes after, so that it is shown in any case.
  public func isDue(isLast: Bool) -> Bool {
    let interval: Duration = isTerminal ? .milliseconds(200) : .seconds(10)
    let now = clock.now
    return shown.withLock { shown in
      if let last = shown.last, !isLast, last.duration(to: now) < interval { return false }
      shown.last = now
      return true
    }
  }

  /// Shows a line.
  public func show(_ line: String) {
    shown.withLock { $0.isLineOpen = isTerminal }
    // A line that is wrapped could not be written over; the last column wraps on some terminals.
    if let columns = Console.columns {
      Console.show("\r\u{1B}[2K" + Words.cut(line, columns: columns - 1))
    } else {
      Console.note(line)
    }
  }

  /// Says something that stays, above the line.
  public func note(_ lines: String) {
    finish()
    Console.note(lines)
  }

  /// Ends the line, so that something else can be printed.
  public func finish() {
    let wasOpen = shown.withLock { shown in
      defer { shown.isLineOpen = false }
      return shown.isLineOpen
    }
    if wasOpen { Console.show("\n") }
  }
}
