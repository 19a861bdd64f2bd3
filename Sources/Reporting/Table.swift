import Foundation
import Printing

/// A table that can be printed, saved as CSV and shown on a page.
struct Table: Sendable {
  /// A cell: what people read, the value at full precision, and where it comes from.
  struct Cell: Sendable {
    let text: String
    let value: String
    /// The run directories, files and steps that the value was taken from; nil for what is no measurement.
    var source: String?
    /// Places in the page that the text's words lead to.
    var links: [(text: String, anchor: String)] = []

    /// Text that is its own value.
    init(_ text: String) { (self.text, value) = (text, text) }
    /// A number in the given words.
    init(_ value: Double?, _ text: String, source: String? = nil) {
      (self.text, self.value, self.source) = (text, value.map { "\($0)" } ?? "", source)
    }
    /// Text with another value.
    init(_ text: String, value: String, source: String? = nil) {
      (self.text, self.value, self.source) = (text, value, source)
    }
    /// A whole number.
    init(_ count: Int) { (text, value) = (NumberText.grouped(count), "\(count)") }
  }

  /// The name of its file, without a suffix.
  private(set) var name: String
  let title: String
  let columns: [String]
  /// How many of the first columns are words that say what the row is about.
  let headings: Int
  /// What is said below the table.
  var note: String?
  var rows: [[Cell]] = []

  init(_ name: String, _ title: String, columns: [String], headings: Int, note: String? = nil) {
    (self.name, self.title, self.columns) = (name, title, columns)
    (self.headings, self.note) = (headings, note)
  }

  /// The same table in another file.
  func named(_ name: String) -> Table {
    var table = self
    table.name = name
    return table
  }

  /// For a terminal: title, columns, note; columns that do not fit into a line are set below, behind the headings.
  var text: String {
    let tables = blocks(width: 120).map { block in
      var table = TextTable(block.map { columns[$0] }, block.map { isText($0) ? .left : .right })
      for row in rows { table.append(block.map { row[$0].text.printable }) }
      return table.text
    }
    let below = note.map { "\n\(Self.filled($0, width: 118))\n" } ?? ""
    return "\(title)\n\n\(tables.joined(separator: "\n"))\(below)"
  }

  /// The columns in blocks that a line has room for, the headings first in each.
  private func blocks(width: Int) -> [[Int]] {
    let widths = columns.indices.map { column in
      2 + rows.reduce(columns[column].count) { max($0, $1[column].text.count) }
    }
    let start = Array(0..<headings)
    let begun = widths[..<headings].reduce(0, +)
    var blocks = [start]
    var used = begun
    for column in columns.indices.dropFirst(headings) {
      if used + widths[column] > width + 2 && blocks[blocks.count - 1].count > headings {
        blocks.append(start)
        used = begun
      }
      blocks[blocks.count - 1].append(column)
      used += widths[column]
    }
    return blocks
  }

  /// Text in lines of at most so many characters.
  private static func filled(_ text: String, width: Int) -> String {
    var lines = [""]
    for word in text.split(whereSeparator: \.isWhitespace) {
      let isFull = lines[lines.count - 1].count + 1 + word.count > width
      if isFull {
        lines.append(String(word))
      } else {
        lines[lines.count - 1] += (lines[lines.count - 1].isEmpty ? "" : " ") + word
      }
    }
    return lines.joined(separator: "\n")
  }

  /// Whether a column holds words, so that it is set from the left.
  func isText(_ column: Int) -> Bool {
    column < headings || !rows.contains { $0[column].value.isEmpty || Double($0[column].value) != nil }
  }

  /// Comma-separated values (RFC 4180) with a row of titles.
  var csv: String { CSV.text([columns] + rows.map { $0.map(\.value) }) }
}

/// Comma-separated values.
enum CSV {
  /// Rows as RFC 4180 has them, but with line feeds alone.
  static func text(_ rows: [[String]]) -> String {
    rows.map { $0.map(field).joined(separator: ",") + "\n" }.joined()
  }

  private static func field(_ text: String) -> String {
    guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
    return "\"" + text.replacingOccurrences(of: "\"", with: "\"\"") + "\""
  }
}

/// Numbers as tables show them.
enum NumberText {
  /// A count with commas between thousands.
  static func grouped(_ count: Int) -> String {
    let digits = String(count.magnitude)
    var text = ""
    for (place, digit) in digits.enumerated() {
      if place > 0 && (digits.count - place) % 3 == 0 { text.append(",") }
      text.append(digit)
    }
    return (count < 0 ? "-" : "") + text
  }

  /// A number: whole ones in full, others with some decimals, or none if they are large.
  static func plain(_ value: Double, decimals: Int = 3) -> String {
    guard abs(value) < 1e15 else { return String(format: "%.3e", value) }
    let isWhole = value == value.rounded() || abs(value) >= 1000
    return isWhole ? grouped(Int(value.rounded())) : String(format: "%.\(decimals)f", value)
  }

  /// A mean and its standard error, which has two significant digits; an error of 0 is left out.
  ///
  /// - Parameter most: The most decimals.
  static func estimate(_ estimate: Estimate?, most: Int = 8) -> String {
    guard let estimate else { return "-" }
    guard let error = estimate.standardError, error > 0, error.isFinite else {
      return plain(estimate.mean, decimals: min(3, most))
    }
    let decimals = max(0, min(most, 1 - Int(log10(error).rounded(.down))))
    if decimals == 0 { return "\(plain(estimate.mean.rounded())) ± \(plain(error.rounded()))" }
    let (mean, spread) = (String(format: "%.\(decimals)f", estimate.mean), String(format: "%.\(decimals)f", error))
    return Double(spread) == 0 ? mean : "\(mean) ± \(spread)"
  }

  /// A probability.
  static func probability(_ p: Double?) -> String {
    guard let p else { return "-" }
    return p < 0.001 ? "< 0.001" : String(format: "%.3f", p)
  }
}
