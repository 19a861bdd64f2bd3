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

  /// Charges seconds that are in one part to another.
  mutating func move(
    _ amount: Double, from part: WritableKeyPath<MetricRecord.Step.Seconds, Double>,
    to other: WritableKeyPath<MetricRecord.Step.Seconds, Double>
  ) {
    seconds[keyPath: part] -= amount
    seconds[keyPath: other] += amount
  }

  /// Seconds from the start to the last lap.
  var total: Double { start.duration(to: last) / .seconds(1) }
}
