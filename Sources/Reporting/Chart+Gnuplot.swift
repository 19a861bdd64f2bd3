extension Chart {
  /// The chart as gnuplot draws it on white.
  var figure: Figure {
    var script = """
      set title \(Figure.quoted(title))
      set xlabel \(Figure.quoted(xTitle))
      set ylabel \(Figure.quoted(names == nil ? yTitle : ""))
      set border 1 linecolor rgb '#666666'
      set bars small
      set tics nomirror textcolor rgb '#333333'
      set style fill transparent solid 0.2 noborder
      set xrange [\(xAxis.range.lowerBound):\(xAxis.range.upperBound)]

      """
    if let names {
      let ticks = names.enumerated().map { "\(Figure.quoted($1)) \($0)" }.joined(separator: ", ")
      script += "set grid linetype 1 linewidth 0.5 linecolor rgb '#DDDDDD'\nset ytics scale 0 (\(ticks))\n"
      script += "set yrange [\(Double(names.count) - 0.5):-0.5]\nset key outside top center horizontal reverse Left\n"
    } else {
      script += "set grid ytics linetype 1 linewidth 0.5 linecolor rgb '#DDDDDD'\nunset key\nset rmargin 20\n"
      script += "set yrange [\(yAxis.range.lowerBound):\(yAxis.range.upperBound)]\n" + endLabels
    }
    for (place, series) in series.enumerated() {
      let rows = series.points.map { "\($0.x) \($0.y) \($0.low ?? .nan) \($0.high ?? .nan)\n" }
      script += "$series\(place) << EOD\n" + rows.joined() + "EOD\n"
    }
    let plots = series.enumerated().filter { !$1.points.isEmpty }.flatMap { commands($1, "$series\($0)") }
    script += plots.isEmpty ? "plot NaN notitle" : "plot " + plots.joined(separator: ", \\\n  ")
    return Figure(name: name, size: (640, names.map { 110 + 18 * $0.count } ?? 400), script: script)
  }

  private var endLabels: String {
    let ends = series.compactMap { series in series.points.last.map { (series, height: yAxis.place($0.y)) } }
      .sorted { $0.height < $1.height }
    let heights = Figure.spread(ends.map(\.height), separation: min(0.06, 1 / Double(max(1, ends.count))))
    return zip(ends, heights).map { end, height in
      "set label '■' at graph 1.01, graph \(height) textcolor rgb '\(end.0.colour.onPaper)'\n"
        + "set label \(Figure.quoted(end.0.label(columns: 20))) at graph 1.05, graph \(height) textcolor rgb '#222222'\n"
    }.joined()
  }

  private func commands(_ series: Series, _ data: String) -> [String] {
    let colour = "linecolor rgb '\(series.colour.onPaper)'"
    let title = names == nil ? "notitle" : "title \(Figure.quoted(series.label(columns: 24)))"
    let hasErrors = series.points.contains { $0.low != nil }
    switch series.mark {
    case .line:
      let fill = "fillcolor rgb '\(series.colour.onPaper)'"
      let band = hasErrors ? ["\(data) using 1:3:4 with filledcurves \(fill) notitle"] : []
      return band + ["\(data) using 1:2 with lines linewidth 1.8 \(colour) \(title)"]
    case .dottedLine:
      let bars = hasErrors ? ["\(data) using 1:2:3:4 with yerrorbars pointtype 7 pointsize 0.1 \(colour) notitle"] : []
      return bars + ["\(data) using 1:2 with linespoints pointtype 7 pointsize 0.5 \(colour) \(title)"]
    case .dots, .rings:
      let bars = hasErrors ? ["\(data) using 1:2:3:4 with xerrorbars pointtype 7 pointsize 0.1 \(colour) notitle"] : []
      let kind = series.mark == .rings ? "6 pointsize 2" : "7 pointsize 1.2"
      return bars + ["\(data) using 1:2 with points pointtype \(kind) \(colour) \(title)"]
    }
  }
}
