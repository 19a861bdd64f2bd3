import Foundation

/// The picture of what each domain got: for each run the share of the draws that its weights asked for beside what was
/// drawn, and the training loss, both against tokens.
struct DomainFigure {
  private let runs: [RunRecord]
  private let titles: [String]
  /// The domains that are drawn, the same in every panel: those with the largest shares.
  private let named: [String]
  private let axis: TokenAxis

  /// More lines than colours that can be told apart would tell nothing.
  private static let most = 6

  /// Nil if no run has records of what its domains got.
  init?(_ runs: [RunRecord]) {
    self.runs = runs.filter { !$0.domains.isEmpty }
    guard !self.runs.isEmpty else { return nil }
    titles = RunGroup.titles(of: self.runs, among: runs)
    var total: [String: Double] = [:]
    for run in self.runs { total.merge(run.domains[run.domains.count - 1].requested, uniquingKeysWith: +) }
    named = Array(total.keys.sorted { (total[$1]!, $0) < (total[$0]!, $1) }.prefix(Self.most))
    axis = TokenAxis(longest: self.runs.map { $0.domains[$0.domains.count - 1].tokens }.max()!)
  }

  var figure: Figure {
    var script = axis.panelStyle
    for (index, run) in runs.enumerated() {
      for (place, name) in named.enumerated() {
        script += "$run\(index)_\(place) << EOD\n"
        for point in run.domains {
          let loss = point.loss[name].flatMap { $0 }.map { "\($0)" } ?? "NaN"
          // A record of many domains does not name all of them.
          let shares = [point.requested, point.achieved].map { $0[name].map { "\(100 * $0)" } ?? "NaN" }
          script += "\(axis.place(point.tokens)) \(shares[0]) \(shares[1]) \(loss)\n"
        }
        script += "EOD\n"
      }
    }
    script += "set multiplot layout \(runs.count),2\n"
    for index in runs.indices { script += shares(index) + losses(index) }
    script += "unset multiplot"
    return Figure(name: "domains", size: (1200, 380 * runs.count), script: script)
  }

  private func shares(_ index: Int) -> String {
    let last = runs[index].domains[runs[index].domains.count - 1]
    let plots = named.indices.flatMap { place in
      let colour = "linecolor rgb '\(Palette.domains[place])'"
      return [
        "$run\(index)_\(place) using 1:2 with lines linewidth 1.5 \(colour)",
        "$run\(index)_\(place) using 1:3 with points pointtype 7 pointsize 0.45 \(colour)",
      ]
    }
    let ends = named.compactMap { name in last.requested[name].map { (text: name, value: 100 * $0) } }
    return panel(
      "Share of the draws, asked for (line) and drawn (points): " + titles[index], "% of the sequences", ends, plots)
  }

  private func losses(_ index: Int) -> String {
    let plots = named.indices.map { place in
      "$run\(index)_\(place) using 1:4 with lines linewidth 1.5 linecolor rgb '\(Palette.domains[place])'"
    }
    let ends = named.compactMap { name in
      runs[index].domains.last { $0.loss[name].flatMap { $0 } != nil }.map { (text: name, value: $0.loss[name]!!) }
    }
    return panel("Training loss of the domains: " + titles[index], "nats per token", ends, plots)
  }

  /// A panel whose lines are named at their ends.
  private func panel(
    _ title: String, _ unit: String, _ ends: [(text: String, value: Double)], _ plots: [String]
  ) -> String {
    var script = "unset label\nset title \(Figure.quoted(title))\nset ylabel \(Figure.quoted(unit))\nset yrange [*:*]\n"
    let ascending = ends.sorted { $0.value < $1.value }
    let (low, high) = (ascending.first?.value ?? 0, ascending.last?.value ?? 1)
    let span = max(high - low, 1e-9)
    let heights = Figure.spread(ascending.map { ($0.value - low) / span }, separation: 0.07)
    for (end, height) in zip(ascending, heights) {
      let colour = Palette.domains[named.firstIndex(of: end.text) ?? 0]
      let text = "\(end.text) \(String(format: end.value < 10 ? "%.2f" : "%.0f", end.value))"
      script += "set label \(Figure.quoted(text)) at graph 1.015, graph \(height) textcolor rgb '\(colour)'\n"
    }
    return script + "plot " + plots.joined(separator: ", \\\n  ") + "\n"
  }
}

/// Colours that colour-blind people can tell apart, too.
enum Palette {
  /// Paul Tol's muted colours, for domains.
  static let domains = [
    "#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#AA4499", "#882255",
  ]
  /// Okabe and Ito's colours, for methods.
  static let methods = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
  /// Uniform sampling, the baseline, and what has no colour of its own.
  static let baseline = "#666666", rest = "#DDDDDD"
}
