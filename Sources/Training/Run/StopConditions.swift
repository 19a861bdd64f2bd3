import Signals

/// What ends a run before its last step: a signal, or the time limit of its configuration.
struct StopConditions {
  /// The longest time since the program's start, in seconds; nil: no limit.
  let limit: Double?
  /// Whether this rank's clock decides, so that it also knows the reason.
  let decides: Bool

  /// What this rank has been asked for.
  var request: StopSignal.Request { decides && isOverTime ? .stop : StopSignal.request }

  /// Whether this rank, by its own clock, need not go on with its share of work that all ranks give up together.
  var isOver: Bool { isOverTime || StopSignal.request == .stop }

  /// What has ended the run, as far as this rank knows.
  var reason: String {
    if StopSignal.request == .stop, let name = StopSignal.name { return "the signal \(name)" }
    if isOverTime { return "time_limit" }
    return limit == nil ? "another rank's signal" : "another rank's signal or clock"
  }

  private var isOverTime: Bool { limit.map { StopSignal.uptime >= $0 } ?? false }
}
