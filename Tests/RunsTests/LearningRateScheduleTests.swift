import Runs
import Testing

/// Rates worked out by hand; a handful of roundings in Double are allowed for.
struct LearningRateScheduleTests {
  static let tolerance = 1e-15

  private static func schedule(
    _ shape: OptimizerSettings.Schedule, peak: Double = 2, warmup: Int, total: Int, finalShare: Double = 0.1,
    decayShare: Double = 0.2
  ) -> LearningRateSchedule {
    LearningRateSchedule(
      peak: peak, shape: shape, warmupSteps: warmup, totalSteps: total, finalShare: finalShare, decayShare: decayShare)
  }

  @Test(arguments: OptimizerSettings.Schedule.allCases)
  func `Warm-up climbs in equal steps and reaches the peak with its last`(shape: OptimizerSettings.Schedule) {
    let schedule = Self.schedule(shape, warmup: 4, total: 100)
    #expect((1...4).map(schedule.rate) == [0.5, 1, 1.5, 2])
  }

  @Test func `A cosine passes its quarters and ends at the final share`() {
    let schedule = Self.schedule(.cosine, warmup: 20, total: 100)
    // 0.1 + 0.9 (1 + cos(pi p)) / 2 of the peak 2, p = 1/4, 1/2, 3/4, 1; cos(pi / 4) = 0.70710678...
    let halfRoot = 0.5.squareRoot()
    let expected = [0.2 + 0.9 * (1 + halfRoot), 1.1, 0.2 + 0.9 * (1 - halfRoot), 0.2]
    for (step, rate) in zip([40, 60, 80, 100], expected) {
      #expect(abs(schedule.rate(at: step) - rate) < Self.tolerance, "step \(step)")
    }
    for step in 21...100 { #expect(schedule.rate(at: step) < schedule.rate(at: step - 1)) }
  }

  @Test func `A warm-up, stable and decay schedule holds the peak, then falls in a straight line`() {
    let schedule = Self.schedule(.wsd, warmup: 10, total: 100)
    for step in 10...80 { #expect(schedule.rate(at: step) == 2) }
    // The last 20 steps lead from 2 to 0.2, by 0.09 each.
    for step in 80...100 { #expect(abs(schedule.rate(at: step) - (2 - 0.09 * Double(step - 80))) < Self.tolerance) }
  }

  @Test func `Without a decay share the peak holds to the end`() {
    #expect(Self.schedule(.wsd, warmup: 10, total: 100, decayShare: 0).rate(at: 100) == 2)
  }

  @Test func `A constant rate stays`() {
    let schedule = Self.schedule(.constant, warmup: 3, total: 10)
    for step in 3...10 { #expect(schedule.rate(at: step) == 2) }
  }

  @Test func `Without warm-up the first step is already on the curve`() {
    #expect(Self.schedule(.constant, warmup: 0, total: 10).rate(at: 1) == 2)
    #expect(Self.schedule(.wsd, warmup: 0, total: 10).rate(at: 1) == 2)
    // p = 1/3, cos(pi / 3) = 1/2: 0.1 + 0.9 x 0.75 of 2.
    #expect(abs(Self.schedule(.cosine, warmup: 0, total: 3).rate(at: 1) - 1.55) < Self.tolerance)
  }

  @Test(arguments: OptimizerSettings.Schedule.allCases)
  func `A run of nothing but warm-up climbs to its end`(shape: OptimizerSettings.Schedule) {
    let schedule = Self.schedule(shape, warmup: 4, total: 4, decayShare: 0)
    #expect((1...4).map(schedule.rate) == [0.5, 1, 1.5, 2])
  }
}
