import Foundation
import Synchronization

/// What this rank has done last: its phase, and a ring of its last calls to MPI.
///
/// The thread that talks to MPI writes it; the watchdog's thread reads it, and may find an entry half written, which is
/// good enough for a report. Recording takes no memory from the heap and two looks at the clock.
public enum FlightRecorder {
  /// One call.
  public struct Entry {
    /// The number of the call since the program's start, from 1.
    public var sequence = 0
    /// The function of MPI, or what is waited for.
    public var call: StaticString = ""
    /// The bytes that this rank sends or receives.
    public var bytes = 0
    /// The other rank, or the root; -1 for all.
    public var peer = -1
    /// When it began and ended, in nanoseconds of the monotonic clock; 0: it has not ended.
    public var start: UInt64 = 0
    public var end: UInt64 = 0
    /// The step and phase that it belongs to.
    public var step = 0
    public var phase = Phase.start
  }

  /// How many calls are remembered.
  public static let capacity = 256

  nonisolated(unsafe) private static let ring: UnsafeMutablePointer<Entry> = {
    let ring = UnsafeMutablePointer<Entry>.allocate(capacity: capacity)
    ring.initialize(repeating: Entry(), count: capacity)
    return ring
  }()
  private static let lastSequence = Atomic<Int>(0)
  /// The outermost call that has not ended: its number, 0 if there is none, and its beginning.
  private static let waitSequence = Atomic<Int>(0)
  private static let waitStart = Atomic<UInt64>(0)
  private static let longestWait = Atomic<UInt64>(0)
  private static let phaseNumber = Atomic<UInt8>(0)
  private static let phaseStart = Atomic<UInt64>(0)
  private static let stepNumber = Atomic<Int>(0)

  // MARK: Writing

  /// Notes that a phase begins, and lets a fault happen that was ordered for it.
  public static func enter(_ phase: Phase) {
    phaseNumber.store(phase.rawValue, ordering: .relaxed)
    phaseStart.store(now, ordering: .relaxed)
    Faults.trigger(at: phase, step: step)
  }

  /// Notes that a step begins.
  public static func begin(step: Int) { stepNumber.store(step, ordering: .relaxed) }

  /// Records that a call begins which may wait for other ranks; `end` is to follow.
  public static func begin(_ call: StaticString, bytes: Int = 0, peer: Int = -1) -> UnsafeMutablePointer<Entry> {
    let sequence = lastSequence.load(ordering: .relaxed) + 1
    let entry = ring + sequence % capacity
    let start = now
    entry.pointee = Entry(
      sequence: sequence, call: call, bytes: bytes, peer: peer, start: start, end: 0, step: step, phase: phase)
    lastSequence.store(sequence, ordering: .releasing)
    if waitSequence.load(ordering: .relaxed) == 0 {
      waitStart.store(start, ordering: .relaxed)
      waitSequence.store(sequence, ordering: .releasing)
    }
    return entry
  }

  /// Records that the call has ended.
  public static func end(_ entry: UnsafeMutablePointer<Entry>) {
    let end = now
    entry.pointee.end = end
    guard entry.pointee.sequence == waitSequence.load(ordering: .relaxed) else { return }
    waitSequence.store(0, ordering: .releasing)
    let wait = end - entry.pointee.start
    if wait > longestWait.load(ordering: .relaxed) { longestWait.store(wait, ordering: .relaxed) }
  }

  // MARK: Reading

  /// The phase, the time of its beginning, and the step.
  public static var phase: Phase { Phase(rawValue: phaseNumber.load(ordering: .relaxed)) ?? .start }
  static var phaseBeginning: UInt64 { phaseStart.load(ordering: .relaxed) }
  public static var step: Int { stepNumber.load(ordering: .relaxed) }
  /// The number of calls so far.
  static var sequence: Int { lastSequence.load(ordering: .acquiring) }
  /// When the present call began; 0 if there is none.
  static var waitBeginning: UInt64 {
    waitSequence.load(ordering: .acquiring) == 0 ? 0 : waitStart.load(ordering: .relaxed)
  }
  /// The longest call that has ended, in nanoseconds.
  static var longest: UInt64 { longestWait.load(ordering: .relaxed) }
  /// The present call, or the last one if there is none.
  static var latest: Entry {
    let waiting = waitSequence.load(ordering: .acquiring)
    return ring[(waiting == 0 ? sequence : waiting) % capacity]
  }

  /// All calls that are remembered, the oldest first.
  public static var entries: [Entry] {
    let last = sequence
    return (max(1, last - capacity + 2)...max(1, last)).map { ring[$0 % capacity] }.filter { $0.sequence > 0 }
  }

  /// The monotonic clock, in nanoseconds.
  static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
