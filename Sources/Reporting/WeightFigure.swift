import Foundation
import Printing

/// The picture of the weights: for each run whose weights move, the domains' weights stacked, against tokens.
struct WeightFigure {
  private let runs: [RunRecord]
  private let titles: [String]
  /// The domains with an area of their own, the same in every panel, from the bottom up.
  private let named: [String]
  private let others: Int
  private let axis: TokenAxis

  /// Nil if the weights of no run move.
  init?(_ runs: [RunRecord]) {
    self.runs = runs.filter { !$0.mixtures.isEmpty }
    guard !self.runs.isEmpty else { return nil }
    titles = RunGroup.titles(of: self.runs, among: runs)
    var total: [String: Double] = [:]
    for run in self.runs { total.merge(run.mixtures[run.mixtures.count - 1].areas, uniquingKeysWith: +) }
    let ranked = total.keys.sorted { (total[$1]!, $0) < (total[$0]!, $1) }
    // A single domain left over is better named than called the rest.
    let count = ranked.count <= Palette.domains.count ? ranked.count : Palette.domains.count - 1
    named = Array(ranked.prefix(count))
    // A record of many domains does not name all of them.
    let all = self.runs.flatMap { $0.starts.map { $0.branches?.count ?? $0.domainCount } }.max() ?? 0
    others = max(all, ranked.count) - count
    axis = TokenAxis(longest: self.runs.map { $0.evaluations[$0.evaluations.count - 1].tokens }.max()!)
  }

  var figure: Figure {
    let columns = min(2, runs.count)
    let rows = (runs.count + columns - 1) / columns
    var script = """
      set border 3 linecolor rgb '#666666'
      set tics nomirror out textcolor rgb '#333333'
      set xlabel \(Figure.quoted(axis.title))
      set ylabel 'weight (%)'
      set xrange [0:\(axis.end)]
      set yrange [0:100]
      unset key
      set lmargin 9
      set rmargin 18

      """
    for (index, run) in runs.enumerated() {
      script += "$run\(index) << EOD\n" + table(of: run) + "EOD\n"
    }
    script += "set multiplot layout \(rows),\(columns)\n"
    for index in runs.indices { script += panel(index) }
    script += "unset multiplot"
    return Figure(name: "weights", size: (600 * columns, 440 * rows), script: script)
  }

  /// Lines of tokens and the cumulative shares in percent, from the bottom up; the last is 100 where others have a
  /// share.
  private func table(of run: RunRecord) -> String {
    func line(_ tokens: Int, _ weight: (String) -> Double) -> String {
      var sum = 0.0
      let heights = named.map { name -> Double in
        sum += 100 * weight(name)
        return sum
      }
      return "\(axis.place(tokens)) " + (heights + [100]).map { "\($0)" }.joined(separator: " ") + "\n"
    }
    // Weights change at once when they are updated. The last ones hold to the end, and so does the weight of a domain
    // that a record does not name.
    var lines: [String] = []
    var (current, rest) = ([String: Double](), 0.0)
    func append(_ tokens: Int) { lines.append(line(tokens) { current[$0] ?? rest }) }
    func begin(with start: RunRecord.Start?) {
      current = start?.areas ?? [:]
      let count = start.map { $0.branches?.count ?? $0.domainCount } ?? named.count + others
      // What the record does not name shares the rest; older runs started with equal weights and do not say so.
      rest = max(0, 1 - current.values.reduce(0, +)) / Double(max(1, count - current.count))
    }
    // A run goes on with another corpus before its weights move there.
    var (mixtures, starts) = (run.mixtures[...], run.starts[...])
    begin(with: starts.first?.tokens == 0 ? starts.removeFirst() : nil)
    append(0)
    while !mixtures.isEmpty || !starts.isEmpty {
      let begins = starts.first.map { $0.tokens <= mixtures.first?.tokens ?? .max } ?? false
      let tokens = begins ? starts[starts.startIndex].tokens : mixtures[mixtures.startIndex].tokens
      append(tokens)
      if begins { begin(with: starts.removeFirst()) } else { current.merge(mixtures.removeFirst().areas) { $1 } }
      append(tokens)
    }
    append(run.evaluations[run.evaluations.count - 1].tokens)
    return lines.joined()
  }

  private func panel(_ index: Int) -> String {
    let last = runs[index].mixtures[runs[index].mixtures.count - 1].areas
    var entries = zip(named, Palette.domains).map { (text: $0, weight: last[$0] ?? 0, colour: $1) }
    if others > 0 {
      let left = max(0, 1 - entries.reduce(0) { $0 + $1.weight })
      entries.append((text: "\(others) others", weight: left, colour: Palette.rest))
    }
    var sum = 0.0
    let middles = entries.map { entry -> Double in
      defer { sum += entry.weight }
      return sum + entry.weight / 2
    }
    var script = "unset label\n"
    for (entry, height) in zip(entries, Figure.spread(middles, separation: 0.06)) {
      let text = "\(entry.text) \(Words.percent(entry.weight))"
      script += "set label '■' at graph 1.015, graph \(height) textcolor rgb '\(entry.colour)'\n"
      script += "set label \(Figure.quoted(text)) at graph 1.06, graph \(height) textcolor rgb '#222222'\n"
    }
    // Painted from the tallest sum to the lowest: what stays visible of each is its own share.
    let areas = entries.indices.reversed().map {
      "$run\(index) using 1:\($0 + 2) with filledcurves y1=0 fillcolor rgb '\(entries[$0].colour)'"
    }
    let edges = named.indices.map { "$run\(index) using 1:\($0 + 2) with lines linewidth 0.5 linecolor rgb 'white'" }
    return script + "set title \(Figure.quoted("Weights of the \(runs[index].areasName): " + titles[index]))\nplot "
      + (areas + edges).joined(separator: ", \\\n  ") + "\n"
  }
}

extension RunRecord.Mixture {
  /// What has an area: the branches of a tree of domains, or else the domains.
  fileprivate var areas: [String: Double] { branches ?? weights }
}

extension RunRecord.Start {
  fileprivate var areas: [String: Double] { branches ?? weights }
}

extension RunRecord {
  /// What has an area, in words.
  fileprivate var areasName: String { mixtures.last?.branches == nil ? "domains" : "branches of the tree" }
}
