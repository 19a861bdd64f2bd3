/// Computes `result = a * b`, or adds it to `result`, and finishes every tile while it is in the cache; threads share the rows.
///
/// Shapes: op(a) (M, K), op(b) (K, N), result (M, N). With `columnSums`, those of b are added to it on the way. Bits do not depend
/// on the number of threads.
func product<F: Finish>(
  _ a: Matrix, transposeA: Bool, by b: Matrix, transposeB: Bool, into result: Matrix, adding: Bool,
  columnSums: Matrix? = nil, finish: F
) {
  forEachThread(result.rows, multipleOf: MicroKernel.rows) { _, first, count in
    productPart(
      transposeA ? a.columns(first, count: count) : a.rows(first, count: count), transposeA: transposeA, by: b,
      transposeB: transposeB, into: result.rows(first, count: count), firstRow: first, adding: adding,
      columnSums: first == 0 ? columnSums : nil, finish: finish)
  }
}

/// Which part of a product with a causal mask is needed: entry (q, k) of scores counts if query `first + q` may see key k.
enum CausalPart {
  /// All of it.
  case whole
  /// The result is scores: tiles that no query of theirs may see are left as they are.
  case visibleColumns(first: Int)
  /// A is scores: a row needs no steps beyond what its queries may see.
  case visibleSteps(first: Int)
  /// A is the transpose of scores: a row needs no steps before the first query that may see its keys.
  case seeingSteps(first: Int)
}

/// One thread's part of a product, or the whole product on the calling thread.
///
/// The order of the blocks is that of Goto and van de Geijn (2008): panels of B are packed, blocks of A pass by in the second-level
/// cache, and tiles are summed in registers. A is read where it lies unless its rows would share cache sets.
/// - Parameter firstRow: The number of the result's first row, as `finish` counts.
func productPart<F: Finish>(
  _ a: Matrix, transposeA: Bool, by b: Matrix, transposeB: Bool, into result: Matrix, firstRow: Int = 0, adding: Bool,
  causal: CausalPart = .whole, columnSums: Matrix? = nil, finish: F
) {
  let inner = transposeA ? a.rows : a.columns
  precondition((transposeA ? a.columns : a.rows) == result.rows, "rows of a and result differ")
  precondition((transposeB ? b.rows : b.columns) == result.columns, "columns of b and result differ")
  precondition((transposeB ? b.columns : b.rows) == inner && inner > 0, "inner sizes of a and b differ")
  let memory = PackingMemory.take()
  Product(
    a: a, transposeA: transposeA, b: b, transposeB: transposeB, result: result, firstRow: firstRow, inner: inner,
    adding: adding, causal: causal, columnSums: columnSums, memory: memory, finish: finish
  ).run()
  PackingMemory.put(back: memory)
}

/// What a product needs to know on its way through the blocks.
private struct Product<F: Finish> {
  let a: Matrix
  let transposeA: Bool
  let b: Matrix
  let transposeB: Bool
  let result: Matrix
  let firstRow: Int
  let inner: Int
  let adding: Bool
  let causal: CausalPart
  let columnSums: Matrix?
  let memory: PackingMemory.Piece
  let finish: F

  func run() {
    // Pieces of the inner dimension of equal length, none longer than a block is deep.
    let pieces = (inner + Blocking.depth - 1) / Blocking.depth
    let depth = (inner + pieces - 1) / pieces
    for firstColumn in stride(from: 0, to: result.columns, by: Blocking.columns) {
      let columns = min(Blocking.columns, result.columns - firstColumn)
      let wide = MicroKernel.wideColumns(of: columns)
      for firstStep in stride(from: 0, to: inner, by: depth) {
        let steps = min(depth, inner - firstStep)
        packPanels(firstColumn, columns, wide: wide, firstStep, steps)
        for row in stride(from: 0, to: result.rows, by: Blocking.rows) {
          let rows = min(Blocking.rows, result.rows - row)
          packBlock(row, rows, firstStep, steps)
          forEachPanel(columns, wide: wide) { column, width in
            let panel = memory.b + column &* steps
            for tile in stride(from: row, to: row + rows, by: MicroKernel.rows) {
              let needed = neededSteps(row: tile, column: firstColumn + column, firstStep, steps)
              guard !needed.isEmpty else { continue }
              multiplyTile(
                tile, min(MicroKernel.rows, row + rows - tile), block: row, firstColumn + column,
                min(width, columns - column), firstStep, needed, isLast: firstStep + steps == inner, panel, width: width
              )
            }
          }
        }
      }
    }
  }

  /// Calls `body` for the panels of B's columns: the wide ones, which hold the first `wide` columns, then the narrow.
  @inline(always)
  private func forEachPanel(_ columns: Int, wide: Int, _ body: (_ column: Int, _ width: Int) -> Void) {
    var column = 0
    while column < columns {
      let width = column < wide ? MicroKernel.columns : MicroKernel.narrowColumns
      body(column, width)
      column += width
    }
  }

  /// The steps of the present piece that a tile needs, counted from the piece's first.
  @inline(always)
  private func neededSteps(row: Int, column: Int, _ firstStep: Int, _ steps: Int) -> Range<Int> {
    switch causal {
    case .whole: return 0..<steps
    case .visibleColumns(let first): return column < first + row + MicroKernel.rows ? 0..<steps : 0..<0
    case .visibleSteps(let first): return 0..<max(0, min(steps, first + row + MicroKernel.rows - firstStep))
    case .seeingSteps(let first): return min(steps, max(0, row - first - firstStep))..<steps
    }
  }

  private func packPanels(_ firstColumn: Int, _ columns: Int, wide: Int, _ firstStep: Int, _ steps: Int) {
    forEachPanel(columns, wide: wide) { column, width in
      let panel = memory.b + column &* steps
      let count = min(width, columns - column)
      let place = firstColumn + column
      if transposeB {
        Packing.transposed(
          b.base + place &* b.stride + firstStep, stride: b.stride, depth: steps, columns: count, width: width,
          into: panel)
      } else {
        Packing.straight(
          b.base + firstStep &* b.stride + place, stride: b.stride, depth: steps, columns: count, width: width,
          into: panel, sums: columnSums.map { $0.base + place })
      }
    }
  }

  /// Whether rows of A are read where they lie: then they must not be a multiple of 4 KiB apart.
  private var readsInPlace: Bool { !transposeA && a.stride & 1023 != 0 }

  private func packBlock(_ first: Int, _ rows: Int, _ firstStep: Int, _ steps: Int) {
    if transposeA {
      for row in stride(from: first, to: first + rows, by: Packing.columnsAtOnce) {
        Packing.columns(
          a.base + firstStep &* a.stride + row, stride: a.stride, depth: steps,
          columns: min(Packing.columnsAtOnce, first + rows - row),
          into: memory.a + (row - first) &* Blocking.rowStride, target: MicroKernel.rows * Blocking.rowStride)
      }
      return
    }
    for row in stride(from: first, to: first + rows, by: MicroKernel.rows) {
      let height = min(MicroKernel.rows, first + rows - row)
      if !readsInPlace || height < MicroKernel.rows {
        Packing.rows(
          a.base + row &* a.stride + firstStep, stride: a.stride, depth: steps, rows: height,
          into: memory.a + (row - first) &* Blocking.rowStride, target: Blocking.rowStride)
      }
    }
  }

  @inline(always)
  private func multiplyTile(
    _ row: Int, _ rows: Int, block: Int, _ column: Int, _ columns: Int, _ firstStep: Int, _ needed: Range<Int>,
    isLast: Bool, _ panel: UnsafePointer<Float>, width: Int
  ) {
    let isWhole = rows == MicroKernel.rows && columns == width
    let target = result.base + row &* result.stride + column
    let tile = isWhole ? target : memory.tile
    let stride = isWhole ? result.stride : MicroKernel.columns
    let adds = adding || firstStep > 0
    let packed = memory.a + (row - block) &* Blocking.rowStride
    let depth = needed.count
    // The tiles of a block share the work of bringing the next panel from the third-level cache.
    let next = panel + (needed.upperBound &+ (row - block) &* depth / Blocking.rows) &* width
    let panel = panel + needed.lowerBound &* width
    if F.self != Plain.self && isLast {
      for r in 0..<rows { finish.prepare(row: firstRow + row + r, column: column, count: columns) }
    }
    if transposeA {
      multiplyColumns(
        depth, packed + needed.lowerBound &* MicroKernel.rows, panel, width, next, tile, stride, adding: isWhole && adds
      )
    } else if readsInPlace && rows == MicroKernel.rows {
      multiplyRows(
        depth, a.base + row &* a.stride + firstStep, a.stride, panel, width, next, tile, stride, adding: isWhole && adds
      )
    } else {
      multiplyRows(depth, packed, Blocking.rowStride, panel, width, next, tile, stride, adding: isWhole && adds)
    }
    if !isWhole {
      for r in 0..<rows {
        let (from, to) = (tile + r &* stride, target + r &* result.stride)
        forEachVector(columns) { i, n in
          store(adds ? load(to + i, n) + load(from + i, n) : load(from + i, n), to + i, n)
        }
      }
    }
    if F.self != Plain.self && isLast {
      for r in 0..<rows {
        finish(target + r &* result.stride, row: firstRow + row + r, column: column, count: columns)
      }
    }
  }
}

/// The micro-kernel on rows of A that lie `rowStride` apart.
@inline(never)
private func multiplyRows(
  _ depth: Int, _ a: UnsafePointer<Float>, _ rowStride: Int, _ b: UnsafePointer<Float>, _ width: Int,
  _ next: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>, _ stride: Int, adding: Bool
) {
  if width == MicroKernel.columns {
    MicroKernel.multiply(
      ThreeRegisters.self, depth: depth, a: a, rowStride: rowStride, stepStride: 1, b: b, next: next, result: result,
      stride: stride, adding: adding)
  } else {
    MicroKernel.multiply(
      TwoRegisters.self, depth: depth, a: a, rowStride: rowStride, stepStride: 1, b: b, next: next, result: result,
      stride: stride, adding: adding)
  }
}

/// The micro-kernel on packed columns of A's transpose.
@inline(never)
private func multiplyColumns(
  _ depth: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, _ width: Int,
  _ next: UnsafePointer<Float>, _ result: UnsafeMutablePointer<Float>, _ stride: Int, adding: Bool
) {
  if width == MicroKernel.columns {
    MicroKernel.multiply(
      ThreeRegisters.self, depth: depth, a: a, rowStride: 1, stepStride: MicroKernel.rows, b: b, next: next,
      result: result, stride: stride, adding: adding)
  } else {
    MicroKernel.multiply(
      TwoRegisters.self, depth: depth, a: a, rowStride: 1, stepStride: MicroKernel.rows, b: b, next: next,
      result: result, stride: stride, adding: adding)
  }
}
