import Parallel

/// The time that the parts of a step take: each lap is charged to one of them.
struct Stopwatch {
  private let clock = ContinuousClock()
  private let start: ContinuousClock.Instant
  private var last: ContinuousClock.Instant
  private(set) var seconds = MetricRecord.Step.Seconds()

  init() {
    start = clock.now
    last = start
  }

  /// Charges the time since the last lap to a part.
  mutating func lap(_ part: WritableKeyPath<MetricRecord.Step.Seconds, Double>) {
    let now = clock.now
    seconds[keyPath: part] += last.duration(to: now) / .seconds(1)
    last = now
    seconds.total = total
  }

  /// Charges the time since the last lap to the parts of a pass; what they do not say is the backward pass's.
  mutating func lap(_ pass: Replica.Seconds) {
    let before = seconds
    lap(\.backward)
    seconds.backward -= pass.data + pass.forward + pass.waiting + pass.directions
    seconds.data = before.data + pass.data
    seconds.forward = before.forward + pass.forward
    seconds.gather = before.gather + pass.waiting
    seconds.alignment = before.alignment + pass.directions
  }

  /// Seconds from the start to the last lap.
  var total: Double { start.duration(to: last) / .seconds(1) }
}
