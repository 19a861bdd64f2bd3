import Kernels
import Testing

struct ReductionsTests {
  /// One lane short of, at and past the vector (8 or 16), the unrolled pair (16 or 32) and the block (4096).
  static let counts = [1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 4095, 4096, 4097, 4113, 12_289]

  @Test(arguments: counts)
  func `Sums of exact terms are exact at every length`(count: Int) {
    let (a, b) = (Table.integers(1, count, stream: 30), Table.integers(1, count, stream: 31))
    let x = Framed(a), y = Framed(b)
    #expect(dot(x.matrix, y.matrix) == zip(a.values, b.values).reduce(0) { $0 + $1.0 * $1.1 })
    #expect(sumOfSquares(x.matrix) == a.values.reduce(0) { $0 + $1 * $1 })
    #expect(sum(x.matrix) == a.values.reduce(0, +))
  }

  /// Blocks of 4,096 are added as two times 16 running sums or, in shorter registers, 8: 256 products each at most, and
  /// four halvings join those: a Float chain of 260 roundings whatever the length. Equal terms are the worst case, for
  /// a running sum then errs to one side while it is between two powers of two: 32 running sums of all these would lose
  /// 5000 u, blocks of 32 lose 22 u.
  @Test func `A long inner product loses no more than a block does`() {
    let count = 1_000_003
    let term = Double(Float(1.3))
    let x = Framed(Table(1, count) { _, _ in term }), y = Framed(Table(1, count) { _, _ in 1 })
    let exact = term * Double(count)
    #expect(abs(dot(x.matrix, y.matrix) - exact) < 260 * unitRoundoff * exact)
    #expect(abs(sum(x.matrix) - exact) < Double(count) * 0x1p-53 * exact)  // a running sum in Double
  }

  @Test func `Equal data give equal bits wherever they lie`() {
    let count = 4096 + 777
    let (a, b) = (Table.noise(1, count, stream: 34), Table.noise(1, count, stream: 35))
    let arena = Arena(count: 2 * count + 64)
    var results: Set<Double> = []
    for (first, second) in (0..<17).map({ ($0, 16 - $0) }) {
      let x = arena.matrix(at: first, rows: 1, columns: count)
      let y = arena.matrix(at: count + 24 + second, rows: 1, columns: count)
      for i in 0..<count {
        x[0, i] = Float(a.values[i])
        y[0, i] = Float(b.values[i])
      }
      results.insert(dot(x, y))
      // The shape is not part of the data either.
      results.insert(dot(x.reshaped(rows: count / 11, columns: 11), y.reshaped(rows: count / 11, columns: 11)))
    }
    #expect(count % 11 == 0)
    #expect(results.count == 1)
  }

  @Test(arguments: counts)
  func `Scaling, copying and clearing touch every element and no other`(count: Int) {
    let a = Table.integers(1, count, stream: 36)
    let x = Framed(a), y = Framed(unsetRows: 1, count)
    scale(x.matrix, by: -0.25)
    #expect(x.contents() == -0.25 * a)
    copy(x.matrix, to: y.matrix)
    #expect(y.contents() == -0.25 * a)
    clear(x.matrix)
    #expect(x.contents() == Table(1, count))
  }

  @Test func `A view with gaps is refused, whose reduction would read the gaps`() async {
    await #expect(processExitsWith: .failure) {
      let gapped = Framed(Table(2, 3), gap: 1)
      _ = sumOfSquares(gapped.matrix)
    }
    await #expect(processExitsWith: .failure) {
      let gapped = Framed(Table(2, 3), gap: 1)
      clear(gapped.matrix)
    }
  }
}
