import Liveness
import Settings

/// How long a rank waits for the others.
public struct WatchdogSettings: Configurable, Sendable {
  /// The longest wait without any answer; nil: as the program sees fit.
  public var limit: Quantity?
  /// Whether ranks that a debugger holds are waited for.
  public var debugger = false
  /// The time between two comparisons of every rank's memory.
  public var memory = Quantity(1, .steps)

  /// Makes the defaults.
  public init() {}

  /// Visits the keys.
  public mutating func visit(_ keys: any KeyVisitor) throws {
    try keys.amount(
      "limit", &limit, in: [.seconds, .minutes, .hours],
      "the time after which a run ends with exit code 76 if a rank does not answer; ranks that answer and are at work "
        + "are waited for ten times as long. Without it 60 seconds, or ten times the longest wait so far if that is "
        + "more, up to 15 minutes")
    try keys.flag(
      "debugger", &debugger,
      "whether ranks of the same node that a debugger holds, or that were stopped by hand, are waited for")
    try keys.amount(
      "memory", &memory, in: [.steps, .tokens],
      "the time between two comparisons of checksums of every rank's parameters and moments, which end the run if "
        + "memory has changed by itself; before each checkpoint they are compared anyway")
  }
}

/// A fault that is injected into a run, to try what follows from it.
public struct FaultSettings: Configurable, Sendable {
  /// The rank that it happens to.
  public var rank = 0
  /// What happens, when, and to what.
  public var fault = Fault(.kill, step: 1, phase: .forward)

  /// Makes the defaults.
  public init() {}

  /// Visits the keys.
  public mutating func visit(_ keys: any KeyVisitor) throws {
    try keys.choice(
      "kind", &fault.kind,
      "what happens to the rank: `kill` and `stop` are signals to its process, `delay` lets it sleep, `nan` puts a NaN "
        + "into its gradient, `flip` changes one bit of its memory, `full_disk` lets no file of it grow, `lost_link` "
        + "cuts its connections to other hosts")
    try keys.integer("rank", &rank, in: 0...1 << 20, "the rank that it happens to")
    try keys.integer("step", &fault.step, in: 1...1 << 53, "the step in which it happens")
    var phase = fault.phase.name
    try keys.word(
      "phase", &phase, among: Phase.allCases.map(\.name).filter { $0 != Phase.start.name },
      "the phase of the step at whose beginning it happens; `nan` and `flip` happen before the update")
    fault.phase = Phase(name: phase) ?? fault.phase
    try keys.number("seconds", &fault.seconds, in: 0...1e6, "the length of a `delay`, in seconds")
    try keys.choice("memory", &fault.memory, "what a `flip` changes")
    try keys.integer(
      "element", &fault.element, in: 0...1 << 53,
      "the number of the float that a `flip` changes, counted around the end")
    try keys.integer("bit", &fault.bit, in: 0...31, "the bit of that float, from the lowest")
  }
}
