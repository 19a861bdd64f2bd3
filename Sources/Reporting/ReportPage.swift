import Foundation
import Printing

/// The page of a report: HTML that needs no network, no script and no other file.
struct ReportPage {
  let title: String
  let subjects: [ReportSubject]
  /// The names of the directories beside the page, as links have them.
  let figuresDirectory, tablesDirectory: String
  /// Whether figures are files as PNG, too.
  let hasPNG: Bool

  /// How many panels of a section are drawn, and how many of them are open.
  private static let (most, open) = (24, 2)
  /// How many sentences are on the page; the tables say the same.
  private static let findings = 24
  /// How many rows of a table are on the page; its file has all.
  private static let rows = 200
  /// How many characters of pictures are on the page; what does not fit is in the files beside it.
  private static let room = 3_000_000

  /// What the page refers to, in its order.
  struct Content {
    var charts: [Chart] = []
    var tables: [Table] = []
    var files: [String: String] = [:]
    var markup: [Markup] = []
    /// The characters of all pictures so far.
    var drawn = 0
  }

  /// Writes the page down.
  ///
  /// - Throws: `Failure` if a run's configuration is malformed.
  func content() throws -> (source: String, charts: [Chart], tables: [Table], files: [String: String]) {
    var content = Content()
    for (number, subject) in subjects.enumerated() {
      try write(subject, prefix: subjects.count > 1 ? "\(number + 1)-" : "", to: &content)
    }
    let head: [Markup] = [
      .tag("meta", [("charset", "utf-8")]),
      .tag("meta", [("name", "viewport"), ("content", "width=device-width, initial-scale=1")]),
      .tag("meta", [("name", "generator"), ("content", Report.generator)]), .tag("title", text: title),
      .style(Chart.styleSheet + Self.styleSheet),
    ]
    let lead = Markup.tag("header", [], .tag("h1", text: title), .tag("p", text: Self.lead))
    let page = Markup.element(
      "html", [("lang", "en"), ("xmlns", "http://www.w3.org/1999/xhtml")],
      [.element("head", [], head), .tag("body", [], .element("main", [], [lead] + content.markup))])
    return ("<!DOCTYPE html>\n" + page.source, content.charts, content.tables, content.files)
  }

  private static let lead =
    "Losses are nats per token. ± is one standard error over seeds, and so is the half width of a band. Differences "
    + "are paired: each run with the baseline's run of the same seed; t and p are Student's, two-sided, and p is not "
    + "corrected for the number of comparisons. Numbers of runs lead to the list of runs, which names the directory, "
    + "file and step that they were taken from."

  // MARK: A section

  private func write(_ subject: ReportSubject, prefix: String, to content: inout Content) throws {
    let table = StudyTable(subject.record)
    let tables = ReportTables(subject: subject, prefix: prefix)
    var parts: [Markup] = isAlone ? [] : [.tag("h2", text: subject.record.title)]
    let findings = table.findings
    if !findings.isEmpty {
      parts.append(heading("Findings"))
      parts.append(.element("ul", [], findings.prefix(Self.findings).map { .tag("li", text: $0) }))
    }
    parts.append(heading("Results"))
    for stage in table.stages {
      let summary = table.summary(of: stage)
      parts.append(show(tables.withRuns(summary.table, summary.rows), &content))
      if let differences = table.differences(of: stage) {
        let rows = stage.rows.flatMap { row in stage.results.filter { row.differences[$0] != nil }.map { _ in row } }
        parts.append(show(tables.withRuns(differences, rows), &content))
      }
    }
    let costs = table.stages.compactMap { tables.cost(of: $0) }.map { show($0, &content) }
    if !costs.isEmpty { parts += [heading("Cost")] + costs }
    if let missing = table.missingRuns { parts.append(show(missing.named(prefix + missing.name), &content)) }
    parts += figures(subject, tables, prefix, &content)
    parts.append(heading("What was compared"))
    if let differences = try tables.differences() { parts.append(show(differences, &content)) }
    if let shared = try tables.shared() { parts.append(fold("What all runs share", [show(shared, &content)])) }
    parts.append(show(tables.list, &content, rowAnchor: tables.anchor))
    for (name, text) in table.csv { content.files[prefix + name] = text }
    content.markup.append(.element("section", [], parts))
  }

  /// Whether the page's title is the section's, too.
  private var isAlone: Bool { subjects.count == 1 && subjects[0].record.title == title }

  private func heading(_ text: String, below levels: Int = 0) -> Markup {
    .tag("h\((isAlone ? 2 : 3) + levels)", text: text)
  }

  private func figures(
    _ subject: ReportSubject, _ tables: ReportTables, _ prefix: String, _ content: inout Content
  ) -> [Markup] {
    let panels = subject.panels(prefix: prefix)
    guard !panels.isEmpty else { return [] }
    var parts: [Markup] = [heading("Figures")]
    for (number, panel) in panels.prefix(Self.most).enumerated() {
      var inside = [grid(panel.losses, &content)]
      inside += [panel.weights, panel.domains].filter { !$0.isEmpty }.map { grid($0, &content) }
      if let domains = tables.domains(of: panel) {
        inside.append(fold("What each domain got", [show(domains, &content)]))
      }
      parts +=
        number < Self.open
        ? [heading(panel.title, below: 1)] + inside : [fold(panel.title, inside, [("class", "panel")])]
    }
    if panels.count > Self.most {
      parts.append(.tag("p", text: "\(panels.count - Self.most) more panels are not drawn."))
    }
    return parts
  }

  private func fold(
    _ title: String, _ parts: [Markup], _ attributes: [(String, String)] = []
  ) -> Markup {
    .element("details", attributes, [.tag("summary", text: title)] + parts)
  }

  private func grid(_ charts: [Chart], _ content: inout Content) -> Markup {
    content.charts += charts
    return .element("div", [("class", "figures")], charts.map { figure($0, &content) })
  }

  private func figure(_ chart: Chart, _ content: inout Content) -> Markup {
    let picture = ChartDrawing(chart).svg()
    let size = picture.source.utf8.count
    let fits = content.drawn + size <= Self.room
    content.drawn += fits ? size : 0
    var caption: [Markup] = [.text(chart.summary + " ")]
    for kind in hasPNG ? ["svg", "png"] : ["svg"] {
      caption += [link("\(figuresDirectory)/\(chart.name).\(kind)", kind.uppercased()), .text(" ")]
    }
    return .element(
      "figure", [],
      [
        .tag("div", [("class", "heading")], text: chart.title),
        fits ? picture : .tag("p", text: "There is no room for this figure on the page; it is in the files."),
        .element("figcaption", [], caption),
      ])
  }

  private func link(_ target: String, _ text: String) -> Markup { .tag("a", [("href", target)], text: text) }

  // MARK: Tables

  private func show(_ table: Table, _ content: inout Content, rowAnchor: ((Int) -> String)? = nil) -> Markup {
    content.tables.append(table)
    let columns = table.columns.indices
    let side = columns.map { table.isText($0) ? "text" : "number" }
    let titles = columns.map {
      Markup.element("th", [("scope", "col"), ("class", side[$0])], Self.breakable(table.columns[$0]))
    }
    // Every run can be referred to.
    let most = rowAnchor == nil ? Self.rows : table.rows.count
    let rows = table.rows.prefix(most).enumerated().map { number, row in
      Markup.element(
        "tr", rowAnchor.map { [("id", $0(number))] } ?? [],
        columns.map { column in
          cell(row[column], isHeading: column < table.headings, side: side[column])
        })
    }
    let id = "table-\(table.name)"
    var below: [Markup] = table.note.map { [.text($0 + " ")] } ?? []
    if table.rows.count > most { below.append(.text("The first \(most) of \(table.rows.count) rows. ")) }
    below.append(link("\(tablesDirectory)/\(table.name).csv", "CSV"))
    return .all([
      .tag(
        "div", [("class", "table"), ("role", "region"), ("tabindex", "0"), ("aria-labelledby", id)],
        .tag(
          "table", [], .tag("caption", [("id", id)], text: table.title),
          .tag("thead", [], .element("tr", [], titles)), .element("tbody", [], rows))),
      .element("p", [("class", "note")], below),
    ])
  }

  private func cell(_ cell: Table.Cell, isHeading: Bool, side: String) -> Markup {
    let isLong = cell.links.isEmpty && cell.text.count > 44
    var attributes = (isHeading ? [("scope", "row")] : []) + [("class", isLong ? "\(side) long" : side)]
    if let source = cell.source { attributes.append(("title", source)) }
    let links = cell.links.map { Markup.all([link("#\($0.anchor)", $0.text), .text(" ")]) }
    return .element(isHeading ? "th" : "td", attributes, links.isEmpty ? [.text(cell.text.printable)] : links)
  }

  /// A key that a line may end in after each dot and underscore.
  private static func breakable(_ key: String) -> [Markup] {
    var parts: [Markup] = []
    var part = ""
    for character in key.printable {
      part.append(character)
      guard character == "." || character == "_" else { continue }
      parts += [.text(part), .tag("wbr")]
      part = ""
    }
    return parts + [.text(part)]
  }
}
