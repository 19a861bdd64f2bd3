import Corpus
import Foundation
import Testing

/// Pearson's statistic of observed counts, as the number of standard deviations of a normal variable.
///
/// The cube root transform (Wilson, Hilferty 1931) makes chi-square with `n` degrees of freedom normal, to a few
/// percent of the tail for n above 2. A p-value above 0.001 is a result below 3.09.
func chiSquareScore(_ counts: [Int], _ expected: [Double]) -> Double {
  let cells = zip(counts, expected).filter { $0.1 > 0 }
  let statistic = cells.reduce(0.0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) / $1.1 }
  let n = Double(cells.count - 1)
  return (cbrt(statistic / n) - (1 - 2 / (9 * n))) / (2 / (9 * n)).squareRoot()
}

@Suite struct SamplingPrimitivesTests {
  @Test(arguments: [
    // Published with the generator's reference implementation, Random123, as kat_vectors: zeros, ones, digits of pi.
    (SIMD4<UInt32>(repeating: 0), 0 as UInt64, SIMD4<UInt32>(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)),
    (SIMD4(repeating: .max), .max, SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd)),
    (
      SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), 0x299f_31d0_a409_3822,
      SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1)
    ),
  ])
  func `The generator gives the published known answers`(
    counter: SIMD4<UInt32>, seed: UInt64, expected: SIMD4<UInt32>
  ) {
    #expect(Philox(seed: seed)(counter) == expected)
  }

  @Test func `Every part of a counter matters`() {
    let random = Philox(seed: 7)
    let pairs = [
      random.pair(0, 0, stream: 0), random.pair(1, 0, stream: 0), random.pair(0, 1, stream: 0),
      random.pair(0, 1 << 32, stream: 0), random.pair(0, 0, stream: 1), Philox(seed: 8).pair(0, 0, stream: 0),
      Philox(seed: 7 + 1 << 32).pair(0, 0, stream: 0),
    ]
    #expect(Set(pairs.flatMap { [$0.0, $0.1] }).count == 2 * pairs.count)
  }

  private static let mixtures: [[Double]] = [
    [1], [1, 1], [1, 2, 3], [0, 1, 0], [5, 0, 0, 1e-3, 0],
    [Double](repeating: 1.0 / 49, count: 49),
    (1...100).map { 1 / Double($0 * $0) },
    (0..<1000).map { Double($0 % 3 * $0) },
  ]

  @Test(arguments: mixtures)
  func `A million draws follow the weights`(weights: [Double]) {
    let table = AliasTable(weights: weights)
    let random = Philox(seed: 2)
    var counts = [Int](repeating: 0, count: weights.count)
    for i in 0..<1_000_000 { counts[table.draw(random.pair(i, 0, stream: 0))] += 1 }
    let total = weights.reduce(0, +)
    for i in weights.indices where weights[i] == 0 { #expect(counts[i] == 0) }
    if weights.filter({ $0 > 0 }).count > 1 {
      #expect(chiSquareScore(counts, weights.map { $0 / total * 1e6 }) < 3.09)
    }
  }

  @Test func `The table holds each weight to rounding`() {
    var state = 1.0
    let weights = (0..<100_000).map { _ in
      state = (state * 997).truncatingRemainder(dividingBy: 1009)
      return state * state * state
    }
    let table = AliasTable(weights: weights)
    let total = weights.reduce(0, +)
    var probability = [Double](repeating: 0, count: weights.count)
    for column in weights.indices {
      // Bits that choose the middle of this column.
      let bits = UInt64((Double(column) + 0.5) / Double(weights.count) * 0x1p64)
      // Halve the interval of the other bits until the column's threshold is known.
      let own = table.draw((bits, 0))
      let other = table.draw((bits, .max))
      var (low, high) = (0 as UInt64, (1 as UInt64) << 53)
      while own != other, high - low > 1 {
        let middle = (low + high) / 2
        if table.draw((bits, middle << 11)) == own { low = middle } else { high = middle }
      }
      let share = own == other ? 1 : Double(high) * 0x1p-53
      probability[own] += share / Double(weights.count)
      probability[other] += (1 - share) / Double(weights.count)
    }
    // A sum of 100,000 terms has a relative error of up to 1.1e-11, no weight exceeds 5 times the mean, and the other
    // roundings are some 1e-16 of a column each.
    let error = weights.indices.map { abs(probability[$0] - weights[$0] / total) }.max()!
    #expect(error < 1e-10 / Double(weights.count))
  }

  @Test(arguments: [1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 255, 1001, 4096, 4097, 65_537])
  func `A keyed permutation is a bijection`(count: Int) {
    for key in 0..<4 as Range<UInt64> {
      let permutation = KeyedPermutation(count: count, key: (key, key &* 77))
      #expect((0..<count).map { permutation[$0] }.sorted() == Array(0..<count))
    }
  }

  @Test(arguments: [1 << 31, 1 << 32 + 1, 1 << 61 + 3, 1 << 62])
  func `A keyed permutation of a huge range stays inside and does not repeat`(count: Int) {
    let permutation = KeyedPermutation(count: count, key: (1, 2))
    let values = Set((0..<10_000).map { permutation[count - 1 - $0] })
    #expect(values.count == 10_000)
    #expect(values.allSatisfy { (0..<count).contains($0) })
    // Spread over the range: ten bins, 3.09 deviations.
    var counts = [Int](repeating: 0, count: 10)
    for value in values { counts[min(9, Int(Double(value) / Double(count) * 10))] += 1 }
    #expect(chiSquareScore(counts, [Double](repeating: 1000, count: 10)) < 3.09)
  }

  @Test func `All orders of four windows are equally likely over keys`() {
    let random = Philox(seed: 11)
    var counts: [[Int]: Int] = [:]
    for epoch in 0..<24_000 {
      let permutation = KeyedPermutation(count: 4, key: random.pair(0, epoch, stream: 1))
      counts[(0..<4).map { permutation[$0] }, default: 0] += 1
    }
    #expect(counts.count == 24)
    #expect(chiSquareScore(Array(counts.values), [Double](repeating: 1000, count: 24)) < 3.09)
  }

  @Test func `Neighbours in an order are not neighbours in the text`() {
    // Steps between successive elements of random orders of 1001 are spread evenly: 1000 residues, about 100 each.
    let random = Philox(seed: 3)
    var counts = [Int](repeating: 0, count: 1000)
    for epoch in 0..<100 {
      let permutation = KeyedPermutation(count: 1001, key: random.pair(0, epoch, stream: 1))
      for i in 0..<1000 { counts[(permutation[i + 1] - permutation[i] + 1001) % 1001 - 1] += 1 }
    }
    #expect(chiSquareScore(counts, [Double](repeating: 100, count: 1000)) < 3.09)
  }
}
