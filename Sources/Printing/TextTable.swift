/// Rows of cells in columns, for a terminal; nothing is padded at the end of a line.
public struct TextTable {
  /// The side of a column that its cells share.
  public enum Alignment: Sendable {
    /// For words.
    case left
    /// For numbers.
    case right
  }

  private var rows: [[String]]
  private let alignments: [Alignment]

  /// Starts with a row of titles.
  ///
  /// - Parameter alignments: Of the columns in order; where nothing is said, the first is `left` and others are
  ///   `right`.
  public init(_ titles: [String], _ alignments: [Alignment] = []) {
    rows = [titles]
    self.alignments = titles.indices.map { $0 < alignments.count ? alignments[$0] : $0 == 0 ? .left : .right }
  }

  /// Appends a row.
  public mutating func append(_ cells: [String]) { rows.append(cells) }

  /// All rows, a line each.
  public var text: String { lines.map { $0 + "\n" }.joined() }

  /// All rows, without line breaks.
  public var lines: [String] {
    let widths = alignments.indices.map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      let cells = row.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return alignments[column] == .left ? cell + space : space + cell
      }
      var line = cells.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }
  }
}
