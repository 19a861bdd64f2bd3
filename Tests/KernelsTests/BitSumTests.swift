import Kernels
import Testing

/// The sums by which memory that has changed by itself is found.
@Suite struct BitSumTests {
  /// The sum as its definition says, one float after the other.
  private func plain(_ arena: borrowing Arena) -> UInt32 {
    (0..<arena.count).reduce(0) { $0 &+ arena.span[$1].bitPattern }
  }

  @Test(arguments: [0, 1, 7, 16, 33, 1000, 4099])
  func `The sum is that of all bit patterns, whatever the length`(count: Int) {
    var arena = Arena(count: count)
    var span = arena.mutableSpan
    for place in 0..<count { span[place] = Float(bitPattern: UInt32(truncatingIfNeeded: place &* 2_654_435_761)) }
    #expect(bitSum(arena.row) == plain(arena))
  }

  @Test func `Any single flipped bit changes the sum`() {
    let arena = Arena(count: 77)
    let whole = bitSum(arena.row)
    for place in 0..<77 {
      for bit in 0..<32 {
        arena.row[0, place] = Float(bitPattern: 1 << UInt32(bit))
        #expect(bitSum(arena.row) != whole)
        arena.row[0, place] = 0
      }
    }
  }

  @Test(arguments: [5, 64, 100])
  func `An update reports the sums of what it found and left`(count: Int) {
    func arena(_ factor: Float) -> Arena {
      let arena = Arena(count: count)
      for place in 0..<count { arena.row[0, place] = Float(place + 1) * factor }
      return arena
    }
    let p = arena(0.1)
    let g = arena(-0.2)
    let m = arena(0.01)
    let v = arena(0.003)
    let found = ArraySums(parameters: plain(p), firstMoments: plain(m), secondMoments: plain(v))
    // Without epsilon, lanes beyond the end are 0 / 0.
    let step = AdamWStep(
      learningRate: 0.1, firstDecay: 0.9, secondDecay: 0.95, epsilon: 0, weightDecay: 0.1, gradientScale: 1, step: 3)
    let sums = step.update(parameters: p.row, gradients: g.row, firstMoments: m.row, secondMoments: v.row)
    #expect(sums.found == found)
    #expect(sums.left == ArraySums(parameters: plain(p), firstMoments: plain(m), secondMoments: plain(v)))
  }
}
