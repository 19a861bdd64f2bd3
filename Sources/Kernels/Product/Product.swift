/// Computes `result = a * b`, or adds it to `result`, and finishes every tile while it is in the cache; threads share
/// the rows.
///
/// Shapes: op(a) (M, K), op(b) (K, N), result (M, N). With `columnSums`, those of b are added to it on the way. Bits do
/// not depend on the number of threads.
func product<F: Finish>(
  _ a: Matrix, transposeA: Bool, by b: Matrix, transposeB: Bool, into result: Matrix, adding: Bool,
  columnSums: Matrix? = nil, finish: F
) {
  forEachThread(result.rows, multipleOf: MicroKernel.rows) { _, first, count in
    let part = transposeA ? a.columns(first, count: count) : a.rows(first, count: count)
    productPart(
      Factor(part, transposed: transposeA), by: Factor(b, transposed: transposeB),
      into: result.rows(first, count: count), firstRow: first, adding: adding,
      columnSums: first == 0 ? columnSums : nil, finish: finish)
  }
}

/// Which part of a product with a causal mask is needed: entry (q, k) of scores counts if query `first + q` may see key
/// k.
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

/// A factor of a product: a matrix, or its transpose.
struct Factor {
  let matrix: Matrix
  let isTransposed: Bool

  init(_ matrix: Matrix, transposed isTransposed: Bool = false) {
    self.matrix = matrix
    self.isTransposed = isTransposed
  }

  var rows: Int { isTransposed ? matrix.columns : matrix.rows }
  var columns: Int { isTransposed ? matrix.rows : matrix.columns }
}

/// One thread's part of a product, or the whole product on the calling thread.
///
/// The order of the blocks is that of Goto and van de Geijn (2008): panels of B are packed, blocks of A pass by in the
/// second-level cache, and tiles are summed in registers. A is read where it lies unless its rows would share cache
/// sets.
/// - Parameter firstRow: The number of the result's first row, as `finish` counts.
func productPart<F: Finish>(
  _ a: Factor, by b: Factor, into result: Matrix, firstRow: Int = 0, adding: Bool, causal: CausalPart = .whole,
  columnSums: Matrix? = nil, finish: F
) {
  precondition(a.rows == result.rows, "rows of a and result differ")
  precondition(b.columns == result.columns, "columns of b and result differ")
  precondition(b.rows == a.columns && b.rows > 0, "inner sizes of a and b differ")
  let memory = PackingMemory.take()
  Product(
    a: a.matrix, transposeA: a.isTransposed, b: b.matrix, transposeB: b.isTransposed, result: result,
    firstRow: firstRow, inner: a.columns, adding: adding, causal: causal, columnSums: columnSums, memory: memory,
    finish: finish
  ).run()
  PackingMemory.put(back: memory)
}

/// A tile of a product's result: at most as many rows and columns as a micro-kernel makes.
private struct Tile {
  let row, rows, column, columns: Int
  /// The first row of the block of A that it belongs to.
  let block: Int
  /// The columns of its panel of B.
  let width: Int
}

/// Some steps along the inner dimension.
private struct Steps {
  /// The first of the piece, and those that a tile needs, counted from it.
  let first: Int
  let needed: Range<Int>
  /// Whether the result is complete after them.
  let isLast: Bool
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
                Tile(
                  row: tile, rows: min(MicroKernel.rows, row + rows - tile), column: firstColumn + column,
                  columns: min(width, columns - column), block: row, width: width),
                Steps(first: firstStep, needed: needed, isLast: firstStep + steps == inner), panel)
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
  private func multiplyTile(_ tile: Tile, _ steps: Steps, _ panel: UnsafePointer<Float>) {
    let (row, rows, column, columns) = (tile.row, tile.rows, tile.column, tile.columns)
    let (width, needed) = (tile.width, steps.needed)
    let isWhole = rows == MicroKernel.rows && columns == width
    let place = result.base + row &* result.stride + column
    let adds = adding || steps.first > 0
    let target = TileTarget(
      base: isWhole ? place : memory.tile, stride: isWhole ? result.stride : MicroKernel.columns,
      adding: isWhole && adds)
    let packed = memory.a + (row - tile.block) &* Blocking.rowStride
    let depth = needed.count
    // The tiles of a block share the work of bringing the next panel from the third-level cache.
    let next = panel + (needed.upperBound &+ (row - tile.block) &* depth / Blocking.rows) &* width
    let b = TilePanel(base: panel + needed.lowerBound &* width, next: next, width: width, depth: depth)
    if F.self != Plain.self && steps.isLast {
      for r in 0..<rows { finish.prepare(row: firstRow + row + r, column: column, count: columns) }
    }
    if transposeA {
      multiplyColumns(packed + needed.lowerBound &* MicroKernel.rows, b, target)
    } else if readsInPlace && rows == MicroKernel.rows {
      multiplyRows(a.base + row &* a.stride + steps.first, a.stride, b, target)
    } else {
      multiplyRows(packed, Blocking.rowStride, b, target)
    }
    if !isWhole {
      for r in 0..<rows {
        let (from, to) = (target.base + r &* target.stride, place + r &* result.stride)
        forEachVector(columns) { i, n in
          store(adds ? load(to + i, n) + load(from + i, n) : load(from + i, n), to + i, n)
        }
      }
    }
    if F.self != Plain.self && steps.isLast {
      for r in 0..<rows {
        finish(place + r &* result.stride, row: firstRow + row + r, column: column, count: columns)
      }
    }
  }
}

/// The micro-kernel on rows of A that lie `rowStride` apart.
@inline(never)
private func multiplyRows(_ a: UnsafePointer<Float>, _ rowStride: Int, _ b: TilePanel, _ target: TileTarget) {
  if b.width == MicroKernel.columns {
    MicroKernel.multiply(ThreeRegisters.self, a, rowStride: rowStride, stepStride: 1, by: b, into: target)
  } else {
    MicroKernel.multiply(TwoRegisters.self, a, rowStride: rowStride, stepStride: 1, by: b, into: target)
  }
}

/// The micro-kernel on packed columns of A's transpose.
@inline(never)
private func multiplyColumns(_ a: UnsafePointer<Float>, _ b: TilePanel, _ target: TileTarget) {
  if b.width == MicroKernel.columns {
    MicroKernel.multiply(ThreeRegisters.self, a, rowStride: 1, stepStride: MicroKernel.rows, by: b, into: target)
  } else {
    MicroKernel.multiply(TwoRegisters.self, a, rowStride: 1, stepStride: MicroKernel.rows, by: b, into: target)
  }
}
