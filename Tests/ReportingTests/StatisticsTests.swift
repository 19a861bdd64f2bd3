import Reporting
import Testing

@Suite("Statistics")
struct StatisticsTests {
  @Test("Mean and standard error of numbers worked by hand")
  func estimates() throws {
    // The deviations are -2, 0, 2: variance 8/2 = 4, standard error sqrt(4/3).
    let three = try #require(Estimate([3, 5, 7]))
    #expect(three.count == 3 && three.mean == 5)
    #expect(abs(try #require(three.standardError) - 1.1547005383792515) < 1e-15)
    #expect(Estimate([4])?.standardError == nil && Estimate([4])?.mean == 4)
    #expect(Estimate([]) == nil)
    // 0.1 + 0.1 + 0.1 is not 0.3.
    #expect(Estimate([0.1, 0.1, 0.1])?.standardError == 0)
  }

  @Test("The paired difference, t and p of scipy's ttest_rel")
  func pairs() throws {
    let pairs = [(5.02, 5.55), (5.11, 5.48), (4.97, 5.60)].map { (value: $0.0, baseline: $0.1) }
    let paired = try #require(PairedDifference(pairs))
    #expect(abs(paired.difference.mean + 0.51) < 1e-12)
    #expect(abs(try #require(paired.t) + 6.735449433391028) < 1e-9)
    #expect(abs(try #require(paired.p) - 0.021339758436145224) < 1e-12)
    #expect(paired.certainty == "lower, evidence")
    #expect(PairedDifference([]) == nil)
  }

  @Test("One pair, or equal differences, have no t")
  func degenerate() throws {
    let one = try #require(PairedDifference([(value: 1, baseline: 3)]))
    #expect(one.t == nil && one.p == nil && one.certainty == "one pair: no error known")
    let same = try #require(PairedDifference([(value: 1, baseline: 3), (value: 2, baseline: 4)]))
    #expect(same.t == nil && same.p == nil && same.certainty == "the same difference in all pairs")
    // 1.1 - 0.7 and 1.2 - 0.8 differ in their last bits.
    #expect(try #require(PairedDifference([(value: 1.1, baseline: 0.7), (value: 1.2, baseline: 0.8)])).t == nil)
    let equal = try #require(PairedDifference([(value: 1, baseline: 1), (value: 4, baseline: 4)]))
    #expect(equal.certainty == "equal in all pairs")
  }

  @Test(
    "p is 2 * scipy.stats.t.sf(|t|, n)",
    arguments: [
      (0.5, 1, 0.7048327646991335), (-2, 2, 0.18350341907227397), (3.5, 2, 0.07282735005446933),
      (1, 4, 0.37390096630005887), (4.2, 9, 0.002306692506540238), (12, 2, 0.00687293367715846), (0, 5, 1),
      (30, 3, 8.135280427163958e-05), (2, 200, 0.04685318618707097),
    ])
  func student(_ t: Double, _ degreesOfFreedom: Int, _ expected: Double) {
    let p = StudentT.twoSided(t, degreesOfFreedom: degreesOfFreedom)
    #expect(abs(p / expected - 1) < 1e-11, "\(p)")
  }

  @Test(
    "The incomplete beta function is scipy.special.betainc",
    arguments: [
      (0.1, 2, 3, 0.0523), (0.9, 2, 3, 0.9963), (0.5, 0.5, 0.5, 0.5), (1e-4, 1, 0.5, 5.000125006250391e-05),
      (0.7, 50, 0.5, 2.5571939944368708e-09),
    ])
  func incompleteBeta(_ x: Double, _ a: Double, _ b: Double, _ expected: Double) {
    let value = IncompleteBeta.regularized(x, a, b)
    #expect(abs(value / expected - 1) < 1e-11, "\(value)")
  }
}
