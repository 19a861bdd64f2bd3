import Foundation
import Printing

/// A figure of one panel, which is drawn as SVG and by gnuplot: series over a horizontal axis of numbers, and a
/// vertical axis of numbers or of names.
struct Chart: Sendable {
  /// A value with the ends of its error bar or band.
  struct Point: Sendable {
    var x, y: Double
    var low, high: Double?
  }

  /// How a series is drawn.
  enum Mark: Sendable {
    /// A line, with a band from `low` to `high` where points have them.
    case line
    /// A line through dots with vertical error bars.
    case dottedLine
    /// Dots with horizontal error bars, on the line of a name.
    case dots
    /// Rings, otherwise as dots.
    case rings
  }

  /// Values that belong together.
  struct Series: Sendable {
    /// What stands beside its end or in the legend.
    let name: String
    /// The last value in words, after the name; empty if it is not told.
    var value = ""
    let colour: Colour
    let mark: Mark
    var points: [Point]

    /// The name and the value.
    var label: String { label(columns: .max) }

    /// The name, cut if need be, and the value.
    func label(columns: Int) -> String {
      let name = Words.cut(name.printable, columns: value.isEmpty ? columns : columns - value.count - 1)
      return value.isEmpty ? name : "\(name) \(value)"
    }
  }

  /// The name of its files, without a suffix.
  var name: String
  let title: String
  /// The figure in a sentence, for those who do not see it.
  let summary: String
  let xTitle, yTitle: String
  /// The names on the vertical axis, from the top; a point's `y` is a place in them. Nil for an axis of numbers.
  var names: [String]?
  var series: [Series]
  /// What the vertical axis has to hold; nil is what the points need.
  var range: ClosedRange<Double>?

  /// A colour that colour-blind people can tell from its neighbours, on light and on dark ground.
  enum Colour: Sendable, Equatable {
    /// Grey, for what the others are compared with.
    case baseline
    /// One of the palette's, which begins again after its last.
    case number(Int)

    /// On white: at least 3 to 1 against it, in the order in which neighbours differ most.
    static let light = ["#0072B2", "#C84E00", "#00795B", "#A8468E", "#8A6100", "#2E8BC0", "#882255", "#5B6B00"]
    /// On near-black.
    static let dark = ["#5DB4F0", "#FF8B4A", "#35C99A", "#E38CC8", "#E0B23C", "#A5D3F2", "#E0708F", "#B9C455"]
    static let greys = (light: "#666666", dark: "#A6A6A6")

    /// The name of the variable of style sheets that holds it.
    var variable: String {
      switch self {
      case .baseline: "--grey"
      case .number(let place): "--c\(place % Self.light.count)"
      }
    }

    /// As on white paper.
    var onPaper: String {
      switch self {
      case .baseline: Self.greys.light
      case .number(let place): Self.light[place % Self.light.count]
      }
    }
  }
}

/// A range of numbers with round numbers in it.
struct Axis {
  let range: ClosedRange<Double>
  let ticks: [Double]
  private let decimals: Int

  /// An axis that holds the given values, with about `count` ticks at multiples of 1, 2 or 5 times a power of ten.
  init(_ values: [Double], isFromZero: Bool = false, count: Int = 5) {
    var (low, high) = (values.min() ?? 0, values.max() ?? 1)
    if isFromZero { low = min(0, low) }
    if high - low < 1e-12 * max(1, abs(high)) { (low, high) = (low - 0.5, high + 0.5) }
    let margin = 0.04 * (high - low)
    range = (isFromZero && low == 0 ? 0 : low - margin)...(high + margin)
    let rough = (high - low) / Double(count)
    let power = pow(10, log10(rough).rounded(.down))
    let step = [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough * 0.999 } ?? rough
    decimals = max(0, Int((-log10(step)).rounded(.up)))
    var ticks: [Double] = []
    var multiple = (range.lowerBound / step).rounded(.up)
    while multiple * step <= range.upperBound {
      ticks.append(multiple * step)
      multiple += 1
    }
    self.ticks = ticks
  }

  /// A tick in words.
  func text(_ tick: Double) -> String {
    String(format: "%.\(decimals)f", abs(tick) < 1e-12 ? 0 : tick)
  }

  /// Where a value is between the ends, 0...1 inside.
  func place(_ value: Double) -> Double { (value - range.lowerBound) / (range.upperBound - range.lowerBound) }
}

extension Chart {
  /// The horizontal axis.
  var xAxis: Axis {
    let values = series.flatMap(\.points).flatMap { point in
      names == nil ? [point.x] : [point.x, point.low, point.high].compactMap(\.self)
    }
    return Axis(values, isFromZero: true, count: 4)
  }

  /// The vertical axis of numbers.
  var yAxis: Axis {
    if let range { return Axis([range.lowerBound, range.upperBound], isFromZero: range.lowerBound == 0) }
    return Axis(series.flatMap(\.points).flatMap { [$0.y, $0.low, $0.high].compactMap(\.self) })
  }
}
