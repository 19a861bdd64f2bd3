/// A horizontal axis of tokens in a unit that keeps its numbers short.
struct TokenAxis {
  private let unit: (size: Double, name: String)
  private let longest: Int

  init(longest: Int) {
    self.longest = max(longest, 1)
    let units: [(size: Double, name: String)] = [(1e9, "billions"), (1e6, "millions"), (1e3, "thousands")]
    unit = units.first { Double(longest) >= 2 * $0.size } ?? (1, "number")
  }

  var title: String { "training tokens (\(unit.name))" }
  var end: Double { place(longest) }

  /// What gnuplot is told before panels of curves over this axis, with room for their names at the right.
  var panelStyle: String {
    """
    set grid ytics linetype 1 linewidth 0.5 linecolor rgb '#DDDDDD'
    set border 3 linecolor rgb '#666666'
    set tics nomirror textcolor rgb '#333333'
    set xlabel \(Figure.quoted(title))
    set xrange [0:\(end)]
    unset key
    set lmargin 9
    set rmargin 15

    """
  }

  func place(_ tokens: Int) -> Double { Double(tokens) / unit.size }
}
