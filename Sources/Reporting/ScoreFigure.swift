import Foundation

/// The picture of what is known of the domains: for each run the scores with their standard errors, and the share of
/// their variance that is signal, both against tokens.
struct ScoreFigure {
  private let runs: [RunRecord]
  private let titles: [String]
  /// The domains that are drawn, the same in every panel: those with the largest weights.
  private let named: [String]
  private let axis: TokenAxis

  /// More lines than colours that can be told apart would tell nothing.
  private static let most = 6

  /// Nil if no run has scores beside a target.
  init?(_ runs: [RunRecord]) {
    self.runs = runs.filter { $0.mixtures.contains { $0.targetAlignment != nil } }
    guard !self.runs.isEmpty else { return nil }
    titles = RunGroup.titles(of: self.runs, among: runs)
    var total: [String: Double] = [:]
    for run in self.runs { total.merge(run.mixtures[run.mixtures.count - 1].weights, uniquingKeysWith: +) }
    named = Array(total.keys.sorted { (total[$1]!, $0) < (total[$0]!, $1) }.prefix(Self.most))
    axis = TokenAxis(longest: self.runs.flatMap(\.mixtures).map(\.tokens).max()!)
  }

  var figure: Figure {
    var script = axis.panelStyle
    for (index, run) in runs.enumerated() {
      script += "$run\(index) << EOD\n"
      for point in run.mixtures {
        let scores = named.map { name -> String in
          "\(point.score(name).map { "\($0)" } ?? "NaN") \(point.scoreError(name).map { "\($0)" } ?? "NaN")"
        }
        let reliability = point.reliability.map { "\($0)" } ?? "NaN"
        script += "\(axis.place(point.tokens)) \(reliability) \(scores.joined(separator: " "))\n"
      }
      script += "EOD\n"
    }
    script += "set multiplot layout \(runs.count),2\n"
    for index in runs.indices { script += scores(index) + reliability(index) }
    script += "unset multiplot"
    return Figure(name: "scores", size: (1200, 380 * runs.count), script: script)
  }

  private func scores(_ index: Int) -> String {
    let last = runs[index].mixtures[runs[index].mixtures.count - 1]
    let ends = named.compactMap { name in last.score(name).map { (text: name, value: $0) } }
    let ascending = ends.sorted { $0.value < $1.value }
    let (low, high) = (ascending.first?.value ?? 0, ascending.last?.value ?? 1)
    let heights = Figure.spread(ascending.map { ($0.value - low) / max(high - low, 1e-9) }, separation: 0.07)
    var script = heading("Scores with standard errors (the target's own is 1): " + titles[index], "score")
    for (end, height) in zip(ascending, heights) {
      let text = "\(end.text) \(String(format: "%.2f", end.value))"
      script += "set label \(Figure.quoted(text)) at graph 1.015, graph \(height) "
      script += "textcolor rgb '\(Palette.domains[named.firstIndex(of: end.text) ?? 0])'\n"
    }
    let lines = named.indices.map { place in
      "$run\(index) using 1:\(3 + 2 * place):\(4 + 2 * place) with yerrorlines linewidth 1.2 pointtype 7 pointsize 0.4 "
        + "linecolor rgb '\(Palette.domains[place])'"
    }
    // A range that is found from no points is an error.
    let isEmpty = !runs[index].mixtures.contains { point in named.contains { point.score($0) != nil } }
    return script + "set yrange [\(isEmpty ? "0:1" : "*:*")]\nplot " + lines.joined(separator: ", \\\n  ") + "\n"
  }

  private func reliability(_ index: Int) -> String {
    heading("Reliability, the share of the scores' variance that is signal: " + titles[index], "reliability")
      + "set yrange [0:1]\nplot $run\(index) using 1:2 with linespoints linewidth 1.5 pointtype 7 pointsize 0.5 "
      + "linecolor rgb '\(Palette.methods[0])'\n"
  }

  private func heading(_ title: String, _ unit: String) -> String {
    "unset label\nset title \(Figure.quoted(title))\nset ylabel \(Figure.quoted(unit))\n"
  }
}
