import Foundation
import Kernels
import Testing

/// The tiled head against -log softmax in Double.
struct CrossEntropyHeadTests {
  struct Case: CustomTestStringConvertible {
    let rows, width, vocabulary: Int
    var spread = 1.0
    let tiles: Int
    var testDescription: String {
      "\(rows) rows, \(vocabulary) tokens, \(tiles) tiles\(spread == 1 ? "" : ", logits in the thousands")"
    }
  }

  static let cases = [
    Case(rows: 1, width: 1, vocabulary: 2, tiles: 1),
    Case(rows: 21, width: 9, vocabulary: 37, tiles: 1),
    Case(rows: 2 * 384 + 3, width: 5, vocabulary: 16_411, tiles: 3),
    Case(rows: 385, width: 3, vocabulary: 33_001, tiles: 2),
    Case(rows: 30, width: 7, vocabulary: 101, spread: 40, tiles: 1),
  ]

  /// Losses and gradients in Double, with bounds of what rounding may do to each.
  ///
  /// A logit of C products is off by at most C u times its magnitude S. The loss is log(sum) + largest - score: the
  /// logits' share twice, the sum of V exponentials (2 u each), and three roundings of numbers up to 2 S + log V. A
  /// probability is off by that relative to itself; below e^-87 the kernel's exponential saturates, hence `floor`.
  private struct Twin {
    var losses, lossBounds: Table
    var hiddenGradient, hiddenBounds: Table
    var tableGradient, tableBounds: Table

    init(hidden: Table, table: Table, targets: [Int], scale: Double, oldTableGradient: Table) {
      let (rows, width, vocabulary) = (hidden.rows, hidden.columns, table.rows)
      losses = Table(1, rows)
      lossBounds = losses
      hiddenGradient = Table(rows, width)
      hiddenBounds = hiddenGradient
      tableGradient = oldTableGradient
      tableBounds = roundoff(rows + 1) * oldTableGradient.magnitudes
      let floor = 0x1p-124
      var logits = [Double](repeating: 0, count: vocabulary)
      for row in 0..<rows {
        let x = (0..<width).map { hidden[row, $0] }
        var magnitude = 0.0
        for v in 0..<vocabulary {
          logits[v] = 0
          var sum = 0.0
          for c in 0..<width {
            logits[v] += x[c] * table[v, c]
            sum += abs(x[c] * table[v, c])
          }
          magnitude = max(magnitude, sum)
        }
        let largest = logits.max()!
        let score = logits[targets[row]]
        var sum = 0.0
        for v in 0..<vocabulary {
          logits[v] = exp(logits[v] - largest)
          sum += logits[v]
        }
        losses[0, row] = log(sum) + largest - score
        let share = unitRoundoff * (2 * Double(width) + 6) * magnitude + roundoff(vocabulary + 2)
        lossBounds[0, row] = share + 3 * unitRoundoff * log(Double(vocabulary))
        for v in 0..<vocabulary {
          let probability = logits[v] / sum
          let slope = scale * (v == targets[row] ? probability - 1 : probability)
          let magnitude = scale * (v == targets[row] ? probability + 1 : probability)
          for c in 0..<width {
            hiddenGradient[row, c] += slope * table[v, c]
            hiddenBounds[row, c] += (magnitude * (share + roundoff(vocabulary + 3)) + scale * floor) * abs(table[v, c])
            tableGradient[v, c] += slope * x[c]
            tableBounds[v, c] += (magnitude * (share + roundoff(rows + 4)) + scale * floor) * abs(x[c])
          }
        }
      }
    }
  }

  @Test(arguments: cases)
  func `Loss and gradients are those of the softmax, tile after tile`(c: Case) {
    let tile = CrossEntropyHead.tileRows(vocabularySize: c.vocabulary)
    #expect((c.rows + tile - 1) / tile == c.tiles)
    let x = Table.noise(c.rows, c.width, stream: 70, spread: 1.5 * c.spread)
    let e = Table.noise(c.vocabulary, c.width, stream: 71, spread: 1.5 * c.spread)
    let old = Table.noise(c.vocabulary, c.width, stream: 72)
    // The first and the last id are among them.
    let targets = (0..<c.rows).map { Int32($0 == 0 ? c.vocabulary - 1 : ($0 - 1) * 7919 % c.vocabulary) }
    let scale: Float = 0.3
    let twin = Twin(
      hidden: x, table: e, targets: targets.map(Int.init), scale: Double(scale), oldTableGradient: old)

    let hidden = Framed(x), table = Framed(e)
    let losses = Framed(unsetRows: 1, c.rows), evaluated = Framed(unsetRows: 1, c.rows)
    let hiddenGradient = Framed(unsetRows: c.rows, c.width, gap: 4), tableGradient = Framed(old)
    let scratch = Framed(unsetRows: 1, CrossEntropyHead.scratchCount(rows: c.rows, vocabularySize: c.vocabulary))
    let scales = Framed(Table(1, c.rows) { _, _ in Double(scale) })
    func head(_ losses: Matrix) -> CrossEntropyHead {
      CrossEntropyHead(hidden: hidden.matrix, table: table.matrix, losses: losses, scratch: scratch.matrix)
    }
    head(evaluated.matrix).forward(targets: targets.span)
    head(losses.matrix).forwardBackward(
      targets: targets.span, scales: scales.matrix, hiddenGradient: hiddenGradient.matrix,
      tableGradient: tableGradient.matrix)

    #expect(worstShare(losses.contents(), of: twin.lossBounds, from: twin.losses) <= 1)
    #expect(evaluated.contents() == losses.contents())
    #expect(worstShare(hiddenGradient.contents(), of: twin.hiddenBounds, from: twin.hiddenGradient) <= 1)
    #expect(worstShare(tableGradient.contents(), of: twin.tableBounds, from: twin.tableGradient) <= 1)
    _ = scratch.contents()  // checks its frame
  }

  /// 384 rows, or 20 x 2^20 logits, 80 MiB, but at least 128 rows; and room for a maximum and a sum of each row.
  @Test func `Tiles have 384 rows, and fewer for huge vocabularies`() {
    #expect([2, 16_411, 50_257, 100_000, 1_000_000].map(CrossEntropyHead.tileRows) == [384, 384, 384, 209, 128])
    #expect(CrossEntropyHead.scratchCount(rows: 1000, vocabularySize: 50_257) == 384 * 50_257 + 2 * 384)
    #expect(CrossEntropyHead.scratchCount(rows: 10, vocabularySize: 50_257) == 10 * 50_257 + 2 * 16)
  }
}
