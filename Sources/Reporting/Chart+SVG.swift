import Foundation
import Printing

/// The drawing of a chart in points, for a column of a page or the width of a phone.
struct ChartDrawing {
  private let chart: Chart
  private let x: Axis
  private let y: Axis
  private let width = 400.0, height: Double
  private let left, right: Double
  private let top: Double, bottom = 40.0
  /// Where the names of series begin above the panel, in as many rows as they need.
  private let legendPlaces: [(x: Double, y: Double)]

  init(_ chart: Chart) {
    self.chart = chart
    (x, y) = (chart.xAxis, chart.yAxis)
    left = chart.names == nil ? 44 : 116
    right = chart.names == nil ? 132 : 14
    legendPlaces = chart.names == nil ? [] : Self.legendPlaces(chart.series, from: left, to: width)
    top = chart.names == nil ? 20 : 20 + (legendPlaces.last?.y ?? 10)
    height = chart.names.map { [top, bottom] in top + bottom + 6 + 18 * Double($0.count) } ?? 270
  }

  /// The picture; its colours are variables that the page or `styleSheet` sets.
  ///
  /// - Parameter isFile: Whether it stands alone, so that it needs a style sheet of its own.
  func svg(isFile: Bool = false) -> Markup {
    var parts: [Markup] = [
      .tag("title", [("id", "\(chart.name)-title")], text: chart.title),
      .tag("desc", [("id", "\(chart.name)-desc")], text: chart.summary),
    ]
    if isFile { parts.append(.style(Chart.styleSheet)) }
    parts += [grid, axisTitles] + chart.series.map(drawing) + [chart.names == nil ? endLabels : legend]
    return .element(
      "svg",
      [
        ("xmlns", "http://www.w3.org/2000/svg"), ("viewBox", "0 0 \(Int(width)) \(Int(height))"), ("role", "img"),
        ("class", "chart"), ("aria-labelledby", "\(chart.name)-title \(chart.name)-desc"),
      ], parts)
  }

  // MARK: Places

  private func place(x value: Double) -> Double { left + x.place(value) * (width - left - right) }
  private func place(y value: Double) -> Double {
    if let names = chart.names { return top + (value + 0.5) / Double(names.count) * (height - top - bottom) }
    return height - bottom - y.place(value) * (height - top - bottom)
  }
  private func number(_ value: Double) -> String {
    let text = String(format: "%.1f", value)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
  private func text(_ content: String, _ x: Double, _ y: Double, _ anchor: String, _ kind: String = "tick") -> Markup {
    .tag("text", [("x", number(x)), ("y", number(y)), ("text-anchor", anchor), ("class", kind)], text: content)
  }
  private func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ attributes: [(String, String)]
  ) -> Markup {
    .tag("line", [("x1", number(x1)), ("y1", number(y1)), ("x2", number(x2)), ("y2", number(y2))] + attributes)
  }

  // MARK: Axes

  private var grid: Markup {
    var parts: [Markup] = []
    for tick in x.ticks {
      if chart.names != nil {
        parts.append(line(place(x: tick), top, place(x: tick), height - bottom, [("class", "grid")]))
      }
      parts.append(text(x.text(tick), place(x: tick), height - bottom + 15, "middle"))
    }
    if let names = chart.names {
      for (row, name) in names.enumerated() {
        let middle = place(y: Double(row))
        parts.append(line(left, middle, width - right, middle, [("class", "grid")]))
        parts.append(text(Self.short(name, 16), left - 8, middle + 4, "end"))
      }
    } else {
      for tick in y.ticks {
        parts.append(line(left, place(y: tick), width - right, place(y: tick), [("class", "grid")]))
        parts.append(text(y.text(tick), left - 6, place(y: tick) + 4, "end"))
      }
    }
    parts.append(line(left, height - bottom, width - right, height - bottom, [("class", "axis")]))
    return .element("g", [], parts)
  }

  private var axisTitles: Markup {
    .all([
      text(chart.xTitle, left + (width - left - right) / 2, height - 6, "middle", "label"),
      text(chart.yTitle, chart.names == nil ? 4 : left - 8, 11, chart.names == nil ? "start" : "end", "label"),
    ])
  }

  // MARK: Series

  private func drawing(_ series: Chart.Series) -> Markup {
    let colour = "var(\(series.colour.variable))"
    var parts: [Markup] = [.tag("title", text: series.label)]
    let points = series.points
    switch series.mark {
    case .line:
      let banded = points.filter { $0.low != nil && $0.high != nil }
      if banded.count > 1 {
        let upper = banded.map { (place(x: $0.x), place(y: $0.high!)) }
        let lower = banded.reversed().map { (place(x: $0.x), place(y: $0.low!)) }
        parts.append(.tag("path", [("d", path(upper + lower) + "Z"), ("fill", colour), ("class", "band")]))
      }
      parts.append(.tag("path", [("d", path(points.map(position))), ("stroke", colour), ("class", "line")]))
    case .dottedLine:
      parts.append(.tag("path", [("d", path(points.map(position))), ("stroke", colour), ("class", "thin line")]))
      for point in points {
        if let low = point.low, let high = point.high {
          let middle = place(x: point.x)
          parts.append(line(middle, place(y: low), middle, place(y: high), [("stroke", colour), ("class", "bar")]))
        }
        parts.append(circle(point, 2, [("fill", colour)]))
      }
    case .dots, .rings:
      for point in points {
        if let low = point.low, let high = point.high, high > low {
          let middle = place(y: point.y)
          parts.append(line(place(x: low), middle, place(x: high), middle, [("stroke", colour), ("class", "bar")]))
        }
        let isRing = series.mark == .rings
        parts.append(circle(point, isRing ? 5 : 3, isRing ? Self.ring(colour) : [("fill", colour)]))
      }
    }
    return .element("g", [], parts)
  }

  private static func ring(_ colour: String) -> [(String, String)] { [("stroke", colour), ("class", "ring")] }

  private func position(_ point: Chart.Point) -> (Double, Double) { (place(x: point.x), place(y: point.y)) }

  private func circle(_ point: Chart.Point, _ radius: Double, _ attributes: [(String, String)]) -> Markup {
    let (x, y) = position(point)
    return .tag("circle", [("cx", number(x)), ("cy", number(y)), ("r", number(radius))] + attributes)
  }

  private func path(_ places: [(Double, Double)]) -> String {
    places.enumerated().map { ($0 == 0 ? "M" : "L") + "\(number($1.0)) \(number($1.1))" }.joined()
  }

  // MARK: Names of series

  /// Names beside the ends of lines, moved apart, each with a dot in the line's colour.
  private var endLabels: Markup {
    let ends = chart.series.filter { !$0.points.isEmpty }
      .map { (series: $0, height: 1 - (place(y: $0.points[$0.points.count - 1].y) - top) / (height - top - bottom)) }
      .sorted { $0.height < $1.height }
    let heights = Figure.spread(ends.map(\.height), separation: min(0.07, 1 / Double(max(1, ends.count))))
    return .element(
      "g", [],
      zip(ends, heights).map { end, place in
        let middle = height - bottom - place * (height - top - bottom)
        let colour = "var(\(end.series.colour.variable))"
        return .all([
          .tag("circle", [("cx", number(width - right + 9)), ("cy", number(middle)), ("r", "4"), ("fill", colour)]),
          text(end.series.label(columns: 18), width - right + 17, middle + 4, "start", "name"),
        ])
      })
  }

  private static func legendPlaces(
    _ series: [Chart.Series], from left: Double, to right: Double
  ) -> [(x: Double, y: Double)] {
    var (x, y) = (left, 10.0)
    return series.map { series in
      let length = 24 + 7 * Double(series.label(columns: 17).count)
      if x > left && x + length > right { (x, y) = (left, y + 16) }
      defer { x += length }
      return (x, y)
    }
  }

  /// Names in rows above the panel.
  private var legend: Markup {
    var parts: [Markup] = []
    for (series, place) in zip(chart.series, legendPlaces) {
      let colour = "var(\(series.colour.variable))"
      let look = series.mark == .rings ? Self.ring(colour) : [("fill", colour)]
      parts.append(.tag("circle", [("cx", number(place.x + 5)), ("cy", number(place.y)), ("r", "4")] + look))
      parts.append(text(series.label(columns: 17), place.x + 13, place.y + 4, "start", "name"))
    }
    return .element("g", [], parts)
  }

  private static func short(_ text: String, _ columns: Int) -> String { Words.cut(text.printable, columns: columns) }
}
