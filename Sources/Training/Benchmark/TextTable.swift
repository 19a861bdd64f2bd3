/// Rows of cells in columns, the first to the left and the others to the right, for a terminal.
public struct TextTable {
  private var rows: [[String]]

  /// Starts with a row of titles.
  public init(_ titles: [String]) { rows = [titles] }

  /// Appends a row.
  public mutating func append(_ cells: [String]) { rows.append(cells) }

  /// All rows, a line each.
  public var text: String {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { row in
      let cells = row.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return column == 0 ? cell + space : space + cell
      }
      return cells.joined(separator: "  ") + "\n"
    }.joined()
  }
}
