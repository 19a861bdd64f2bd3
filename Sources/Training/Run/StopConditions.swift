import Signals

/// What ends a run before its last step: a signal, or the time limit of its configuration.
struct StopConditions {
  /// The longest time since the program's start, in seconds; nil: no limit.
  let limit: Double?

  /// What this rank has been asked for.
  var request: StopSignal.Request { isOverTime ? .stop : StopSignal.request }

  /// What has ended the run, as far as this rank knows.
  var reason: String {
    if StopSignal.request == .stop, let name = StopSignal.name { return "the signal \(name)" }
    return isOverTime ? "time_limit" : "another rank's signal"
  }

  private var isOverTime: Bool { limit.map { StopSignal.uptime >= $0 } ?? false }
}
