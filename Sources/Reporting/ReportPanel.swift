import Foundation

/// Groups of runs that are drawn together: one stage at one value of every axis but the seed and the one that is
/// compared.
struct ReportPanel: Sendable {
  /// The stage and the values of the other axes.
  let title: String
  /// What the names of its files begin with.
  let name: String
  /// The runs by the compared value, in the order of the study; none is empty.
  let groups: [SeedGroup]

  /// More lines than colours that can be told apart would tell nothing.
  private static let most = 6

  /// How many runs the values are means of.
  private static func seeds(_ groups: [SeedGroup]) -> String {
    let counts = groups.map(\.runs.count)
    let (least, most) = (counts.min() ?? 1, counts.max() ?? 1)
    if most == 1 { return "one run each" }
    return least == most ? "means over \(most) seeds" : "means over \(least) to \(most) seeds"
  }

  private static func means(_ groups: [SeedGroup], _ shape: String) -> String {
    seeds(groups) + (groups.contains { $0.runs.count > 1 } ? "; the \(shape) is one standard error each way" : "")
  }

  // MARK: Losses

  /// The losses on the target and on all domains against training tokens.
  var losses: [Chart] {
    let target = Set(groups.flatMap { $0.runs.map(\.target) }).sorted().joined(separator: ", ")
    return [
      loss("target", "Loss on the target (\(target))", \.target),
      loss("generic", "Loss on all domains (generic)", \.generic),
    ]
  }

  private func loss(_ name: String, _ title: String, _ loss: KeyPath<RunRecord.Evaluation, Double>) -> Chart {
    let axis = TokenAxis(longest: groups.flatMap(\.runs).flatMap(\.evaluations).map(\.tokens).max() ?? 1)
    var lows: [Double] = []
    let series = groups.map { group in
      let curve = group.curve(\.evaluations, at: \.tokens) { $0[keyPath: loss] }
      let shown = curve.filter { axis.place($0.tokens) >= 0.15 * axis.end || curve.count < 4 }
      lows += shown.flatMap { $0.estimate.ends }
      let last = curve.last.map { String(format: "%.2f", $0.estimate.mean) } ?? ""
      return Chart.Series(
        name: group.label, value: last, colour: group.colour, mark: .line, points: points(curve, axis))
    }
    let range = lows.isEmpty ? nil : lows.min()!...lows.max()!
    // The first fall from ln V would press everything that matters into the bottom of the picture.
    let cut = series.map { series in
      var series = series
      if let range { series.points = series.points.filter { $0.y <= range.upperBound } }
      return series
    }
    return Chart(
      name: "\(self.name)-loss-\(name)", title: title,
      summary: "Against training tokens: \(Self.means(groups, "band")). Last values: "
        + series.map(\.label).joined(separator: ", ") + ".",
      xTitle: axis.title, yTitle: "nats per token", series: cut, range: range)
  }

  private func points(
    _ curve: [(tokens: Int, estimate: Estimate)], _ axis: TokenAxis, scale: Double = 1
  ) -> [Chart.Point] {
    curve.map { tokens, estimate in
      let error = estimate.standardError.map { scale * $0 }
      let mean = scale * estimate.mean
      return Chart.Point(x: axis.place(tokens), y: mean, low: error.map { mean - $0 }, high: error.map { mean + $0 })
    }
  }

  // MARK: Weights and scores

  /// For each group whose weights move: the weights of its largest domains, and beside them the scores, if it has
  /// some.
  var weights: [Chart] {
    groups.enumerated().filter { $1.runs.contains { !$0.mixtures.isEmpty } }.flatMap { place, group in
      [weights(of: group, "\(name)-weights-\(place + 1)"), scores(of: group, "\(name)-scores-\(place + 1)")]
        .compactMap(\.self)
    }
  }

  private func weights(of group: SeedGroup, _ name: String) -> Chart {
    let axis = TokenAxis(longest: group.runs.flatMap(\.evaluations).map(\.tokens).max() ?? 1)
    let leaders = group.leaders(Self.most)
    let series = leaders.enumerated().map { place, domain in
      let start = group.curve(\.starts, at: \.tokens) { $0.weights[domain] }.prefix(1)
      var curve = start + group.curve(\.mixtures, at: \.tokens) { $0.weights[domain] }
      // The last weights hold to the end.
      if let last = curve.last, let end = group.runs.compactMap({ $0.evaluations.last?.tokens }).min() {
        if end > last.tokens { curve.append((end, last.estimate)) }
      }
      let text = curve.last.map { String(format: "%.1f %%", 100 * $0.estimate.mean) } ?? ""
      return Chart.Series(
        name: domain, value: text, colour: .number(place), mark: .line,
        points: points(Array(curve), axis, scale: 100))
    }
    return Chart(
      name: name, title: "Weights: \(group.label)",
      summary: "The weights of the \(leaders.count) largest domains: \(Self.means([group], "band")). Last values: "
        + series.map(\.label).joined(separator: ", ") + ".",
      xTitle: axis.title, yTitle: "weight (%)", series: series)
  }

  private func scores(of group: SeedGroup, _ name: String) -> Chart? {
    let axis = TokenAxis(longest: group.runs.flatMap(\.evaluations).map(\.tokens).max() ?? 1)
    let series = group.leaders(Self.most).enumerated().map { place, domain in
      let curve = group.curve(\.mixtures, at: \.tokens, most: 12) { $0.score(domain) }
      let errors = Dictionary(
        uniqueKeysWithValues: group.curve(\.mixtures, at: \.tokens, most: 12) { $0.scoreError(domain) })
      let places = curve.map { tokens, estimate in
        let error = errors[tokens]?.mean
        return Chart.Point(
          x: axis.place(tokens), y: estimate.mean, low: error.map { estimate.mean - $0 },
          high: error.map { estimate.mean + $0 })
      }
      let text = curve.last.map { String(format: "%.2f", $0.estimate.mean) } ?? ""
      return Chart.Series(name: domain, value: text, colour: .number(place), mark: .dottedLine, points: places)
    }
    guard series.contains(where: { !$0.points.isEmpty }) else { return nil }
    return Chart(
      name: name, title: "Scores: \(group.label)",
      summary: "The scores that the weights follow, where 1 is the target's own text: \(Self.seeds([group])); each bar "
        + "is the standard error of one run's score. Last values: " + series.map(\.label).joined(separator: ", ") + ".",
      xTitle: axis.title, yTitle: "score", series: series)
  }

  // MARK: What domains got

  /// Shares asked for and drawn of each group's largest domains, and how often each group read them.
  var domains: [Chart] {
    let shown = groups.enumerated().filter { $1.runs.contains { !$0.domains.isEmpty } }
    guard !shown.isEmpty else { return [] }
    return shown.map { shares(of: $1, "\(name)-shares-\($0 + 1)") } + [epochs(of: shown.map(\.element))]
  }

  private func shares(of group: SeedGroup, _ name: String) -> Chart {
    let leaders = group.leaders(12)
    let shares = group.runs.map(\.shares)
    let dots = { (name: String, mark: Chart.Mark, values: [[String: Double]]) in
      Chart.Series(
        name: name, colour: mark == .rings ? .baseline : .number(0), mark: mark,
        points: Self.rows(leaders) { domain in Estimate(values.compactMap { $0[domain].map { 100 * $0 } }) })
    }
    return Chart(
      name: name, title: "Shares of the draws: \(group.label)",
      summary: "Shares of the sequences over the whole run, as the weights asked for and as they were drawn: "
        + "\(Self.means([group], "bar")).",
      xTitle: "% of the sequences", yTitle: "", names: leaders,
      series: [
        dots("asked for", .rings, shares.map(\.requested)), dots("drawn", .dots, shares.map(\.achieved)),
      ])
  }

  private func epochs(of groups: [SeedGroup]) -> Chart {
    var total: [String: Double] = [:]
    for run in groups.flatMap(\.runs) { total.merge(run.domains.last?.epochs ?? [:], uniquingKeysWith: max) }
    let domains = Array(total.keys.sorted { (total[$1]!, $0) < (total[$0]!, $1) }.prefix(12))
    return Chart(
      name: "\(name)-epochs", title: "Epochs per domain",
      summary: "How often the domains were read that were read most often: \(Self.means(groups, "bar")).",
      xTitle: "epochs", yTitle: "", names: domains,
      series: groups.map { group in
        Chart.Series(
          name: group.label, colour: group.colour, mark: .dots,
          points: Self.rows(domains) { domain in group.estimate { $0.domains.last?.epochs[domain] } })
      })
  }

  private static func rows(_ names: [String], _ value: (String) -> Estimate?) -> [Chart.Point] {
    names.enumerated().compactMap { row, name in
      value(name).map { estimate in
        let (low, high) = (estimate.ends.first, estimate.ends.last)
        return Chart.Point(x: estimate.mean, y: Double(row), low: low, high: high)
      }
    }
  }
}

extension Estimate {
  /// The mean, or the ends of one standard error each way.
  fileprivate var ends: [Double] { standardError.map { [mean - $0, mean + $0] } ?? [mean] }
}

extension RunRecord.Mixture {
  /// A domain's score, where the target's own is 1; nil if nothing is known.
  func score(_ domain: String) -> Double? { inUnits(alignment?[domain] ?? nil) }
  /// The score's standard error.
  func scoreError(_ domain: String) -> Double? { inUnits(standardError?[domain] ?? nil) }

  /// A value in units of the target's own; nil if there is none, or it is beyond what can be drawn.
  private func inUnits(_ value: Double?) -> Double? {
    guard let value, let unit = targetAlignment, unit > 0, abs(value / unit) < 1e38 else { return nil }
    return value / unit
  }
}
