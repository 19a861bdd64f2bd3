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
    /// When it began, in nanoseconds of the monotonic clock.
    public var start: UInt64 = 0
    /// When it ended; 0: it has not ended.
    public var end: UInt64 = 0
    /// The step that it belongs to.
    public var step = 0
    /// The phase that it belongs to.
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
  /// The outermost call that has not ended: its number, 0 if there is none, and its name.
  private static let waitSequence = Atomic<Int>(0)
  nonisolated(unsafe) private static var waitCall: StaticString = ""
  /// When a call began or ended last: a wait of many messages counts from its last one.
  private static let lastActivity = Atomic<UInt64>(0)
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

  /// A call that has begun.
  public struct Call {
    fileprivate let entry: UnsafeMutablePointer<Entry>
    fileprivate let sequence: Int
  }

  /// Records that a call begins which may wait for other ranks; `end` is to follow.
  public static func begin(_ call: StaticString, bytes: Int = 0, peer: Int = -1) -> Call {
    let sequence = lastSequence.load(ordering: .relaxed) + 1
    let entry = ring + sequence % capacity
    let start = now
    entry.pointee = Entry(
      sequence: sequence, call: call, bytes: bytes, peer: peer, start: start, end: 0, step: step, phase: phase)
    lastSequence.store(sequence, ordering: .releasing)
    lastActivity.store(start, ordering: .releasing)
    if waitSequence.load(ordering: .relaxed) == 0 {
      waitCall = call
      waitSequence.store(sequence, ordering: .releasing)
    }
    return Call(entry: entry, sequence: sequence)
  }

  /// Records that the call has ended.
  public static func end(_ call: Call) {
    let end = now
    // Calls within this one may have taken its place in the ring.
    if call.entry.pointee.sequence == call.sequence { call.entry.pointee.end = end }
    let wait = end - min(end, lastActivity.load(ordering: .relaxed))
    if wait > longestWait.load(ordering: .relaxed) { longestWait.store(wait, ordering: .relaxed) }
    lastActivity.store(end, ordering: .releasing)
    if call.sequence == waitSequence.load(ordering: .relaxed) { waitSequence.store(0, ordering: .releasing) }
  }

  // MARK: Reading

  /// The present phase.
  public static var phase: Phase { Phase(rawValue: phaseNumber.load(ordering: .relaxed)) ?? .start }
  /// When it began.
  static var phaseBeginning: UInt64 { phaseStart.load(ordering: .relaxed) }
  /// The present step; 0 before the first.
  public static var step: Int { stepNumber.load(ordering: .relaxed) }
  /// The number of calls so far.
  package static var sequence: Int { lastSequence.load(ordering: .acquiring) }
  /// Since when nothing has happened in the present call; 0 if there is none.
  package static var waitBeginning: UInt64 {
    waitSequence.load(ordering: .acquiring) == 0 ? 0 : lastActivity.load(ordering: .acquiring)
  }
  /// The longest time in which nothing happened in a call, in nanoseconds.
  static var longest: UInt64 { longestWait.load(ordering: .relaxed) }
  /// The name of the outermost call, the present one or the last.
  static var latestCall: StaticString { waitCall }

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
