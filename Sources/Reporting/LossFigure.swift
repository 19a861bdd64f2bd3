import Foundation

/// The picture of the losses: on the target and on all domains, against training tokens, one line per run.
///
/// Runs of a method share a colour, uniform sampling is grey, and their last losses' mean stands beside the lines.
struct LossFigure {
  private let groups: [RunGroup]
  private let target: String
  private let axis: TokenAxis

  init(_ runs: [RunRecord]) {
    groups = RunGroup.groups(of: runs)
    target = Set(runs.map(\.target)).sorted().joined(separator: ", ")
    axis = TokenAxis(longest: runs.map { $0.evaluations[$0.evaluations.count - 1].tokens }.max()!)
  }

  var figure: Figure {
    var script = axis.panelStyle
    for (index, group) in groups.enumerated() {
      for (place, run) in group.runs.enumerated() {
        script += "$run\(index)_\(place) << EOD\n"
        for point in run.evaluations { script += "\(axis.place(point.tokens)) \(point.target) \(point.generic)\n" }
        script += "EOD\n"
      }
    }
    script += "set multiplot layout 1,2\n"
    script += panel(
      "Loss on the target (\(target)), one line per seed", column: 2, \.target, ends: groups.map(\.target))
    script += panel(
      "Loss on all domains (generic), one line per seed", column: 3, \.generic, ends: groups.map(\.generic))
    script += "unset multiplot"
    return Figure(name: "losses", size: (1200, 480), script: script)
  }

  private func colour(_ index: Int) -> String {
    if groups[index].runs[0].method == "uniform" { return Palette.baseline }
    let place = groups[..<index].filter { $0.runs[0].method != "uniform" }.count
    return Palette.methods[place % Palette.methods.count]
  }

  private func panel(
    _ title: String, column: Int, _ loss: KeyPath<RunRecord.Evaluation, Double>, ends: [Double]
  ) -> String {
    // The first fall from ln V would press everything that matters into the bottom of the picture.
    let shown = groups.flatMap(\.runs).flatMap(\.evaluations).filter { axis.place($0.tokens) >= 0.15 * axis.end }
    let losses = shown.map { $0[keyPath: loss] } + ends
    let (low, high) = (losses.min()!, losses.max()!)
    let margin = max(0.05 * (high - low), 1e-3)
    let (bottom, top) = (low - margin, high + margin)

    let ascending = ends.indices.sorted { ends[$0] < ends[$1] }
    let heights = Figure.spread(ascending.map { (ends[$0] - bottom) / (top - bottom) }, separation: 0.06)
    var script = "unset label\n"
    for (index, height) in zip(ascending, heights) {
      let text = "\(groups[index].label) \(String(format: "%.2f", ends[index]))"
      script += "set label \(Figure.quoted(text)) at graph 1.015, graph \(height) textcolor rgb '\(colour(index))'\n"
    }
    let curves = groups.indices.flatMap { index in
      groups[index].runs.indices.map { place in
        "$run\(index)_\(place) using 1:\(column) with linespoints linewidth 1.5 pointtype 7 pointsize 0.35 "
          + "linecolor rgb '\(colour(index))'"
      }
    }
    script += "set title \(Figure.quoted(title))\nset ylabel 'nats per token'\nset yrange [\(bottom):\(top)]\n"
    return script + "plot " + curves.joined(separator: ", \\\n  ") + "\n"
  }
}
