import Kernels
import Testing

struct ArenaTests {
  @Test(arguments: [0, 1, 15, 16, 17, 1023, 100_003])
  func `An arena is born zero and on a cache line`(count: Int) {
    // Memory that was just freed full of ones is what the next arena is likely to get.
    do {
      let dirty = Arena(count: count)
      for i in 0..<count { dirty.row[0, i] = 1 }
    }
    let arena = Arena(count: count)
    let span = arena.span
    #expect(arena.count == count && span.count == count)
    #expect(span.indices.allSatisfy { span[$0] == 0 })
    let address = span.withUnsafeBufferPointer { Int(bitPattern: $0.baseAddress) }
    #expect(address % 64 == 0)
  }

  @Test func `Aligned offsets are the next multiples of a cache line`() {
    #expect([0, 1, 15, 16, 17, 32].map(Arena.aligned) == [0, 16, 16, 16, 32, 32])
    #expect(Arena.alignment * MemoryLayout<Float>.stride == 64)
  }

  @Test func `Spans and views show the same memory`() {
    var arena = Arena(count: 12)
    var span = arena.mutableSpan
    for i in span.indices { span[i] = Float(i) }
    let matrix = arena.matrix(at: 2, rows: 2, columns: 5)
    #expect((matrix.rows, matrix.columns, matrix.stride, matrix.count) == (2, 5, 5, 10))
    #expect(matrix[0, 0] == 2 && matrix[1, 4] == 11)
    matrix[1, 0] = -1
    #expect(arena.span[7] == -1)
    #expect(arena.row.rows == 1 && arena.row.columns == 12 && arena.row[0, 7] == -1)
  }

  @Test func `Views of views keep the stride`() {
    let arena = Arena(count: 40)
    for i in 0..<40 { arena.row[0, i] = Float(i) }
    let matrix = arena.matrix(at: 0, rows: 5, columns: 8)
    let inner = matrix.rows(1, count: 3).columns(2, count: 4)
    #expect((inner.rows, inner.columns, inner.stride) == (3, 4, 8))
    for row in 0..<3 {
      for column in 0..<4 { #expect(inner[row, column] == Float((row + 1) * 8 + column + 2)) }
    }
    #expect(inner.columns(3, count: 1).rows(2, count: 1)[0, 0] == 29)
    #expect(inner.rows(3, count: 0).count == 0)
    let reshaped = matrix.rows(2, count: 2).reshaped(rows: 3, columns: 5)
    #expect((reshaped.rows, reshaped.columns, reshaped.stride) == (3, 5, 5))
    #expect(reshaped[2, 4] == 30)
  }

  @Test func `A view outside its memory ends the process`() async {
    await #expect(processExitsWith: .failure) {
      let arena = Arena(count: 10)
      _ = arena.matrix(at: 1, rows: 2, columns: 5)
    }
    await #expect(processExitsWith: .failure) {
      let arena = Arena(count: 10)
      _ = arena.matrix(at: 0, rows: 2, columns: 5).columns(3, count: 3)
    }
  }
}
