import Testing

import Training

/// Which steps can be used.
@Suite struct OutlierTests {
  private func seasoned() -> OutlierWatch {
    var watch = OutlierWatch()
    for step in 0..<30 { #expect(watch.objection(loss: 3 + Double(step % 3) * 0.1, norm: 1, factor: 100) == nil) }
    return watch
  }

  @Test func `Losses and norms that are not finite are refused from the first step on`() {
    var watch = OutlierWatch()
    #expect(watch.objection(loss: .nan, norm: 1, factor: 0) == "loss nan, gradient norm 1.0")
    #expect(watch.objection(loss: 1, norm: .infinity, factor: 0) != nil)
    #expect(watch.skipped == 2 && !watch.isLost)
    #expect(watch.objection(loss: 1, norm: .nan, factor: 0) != nil && watch.isLost)
  }

  @Test func `A norm or a perplexity a hundred times the mean is refused, half of that is not`() {
    var watch = seasoned()
    #expect(watch.objection(loss: 3.1, norm: 50, factor: 100) == nil)
    watch = seasoned()
    #expect(watch.objection(loss: 3.1, norm: 120, factor: 100)?.contains("gradient norm 120, but 1 on average") == true)
    #expect(watch.objection(loss: 8, norm: 1, factor: 100)?.contains("loss 8, but 3.1 on average") == true)
    #expect(watch.objection(loss: 8, norm: 1e9, factor: 0) == nil)
  }

  @Test func `What is refused does not count as experience, and a good step ends the row`() {
    var watch = seasoned()
    let before = watch
    #expect(watch.objection(loss: 3, norm: 1e6, factor: 100) != nil)
    #expect(watch.objection(loss: 3, norm: 1e6, factor: 100) != nil && watch.skipped == 2)
    #expect(watch.objection(loss: 3.1, norm: 1, factor: 100) == nil && watch.skipped == 0)
    #expect(watch != before)
  }

  @Test func `Fewer than twenty steps are no experience to judge by`() {
    var watch = OutlierWatch()
    for step in 1...19 { #expect(watch.objection(loss: 3, norm: Double(step * step * step), factor: 2) == nil) }
  }
}
