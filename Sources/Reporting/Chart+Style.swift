extension Chart {
  /// The colours and lines of charts, on light and dark ground and on paper.
  static var styleSheet: String {
    func variables(_ colours: [String], _ grey: String, _ rest: String) -> String {
      colours.enumerated().map { "--c\($0): \($1); " }.joined() + "--grey: \(grey); \(rest)"
    }
    let light = variables(
      Colour.light, Colour.greys.light, "--ink: #1d1d1f; --soft: #55565a; --rule: #dcdde0; --ground: #ffffff;")
    let dark = variables(
      Colour.dark, Colour.greys.dark, "--ink: #ececee; --soft: #b4b5ba; --rule: #3a3b40; --ground: #17181a;")
    return """
      :root { color-scheme: light dark; \(light) }
      @media screen and (prefers-color-scheme: dark) { :root { \(dark) } }
      .chart { background: var(--ground); font: 12.5px system-ui, 'DejaVu Sans', sans-serif; overflow: visible; }
      .chart text { fill: var(--ink); }
      .chart .tick, .chart .label { fill: var(--soft); font-size: 11.5px; }
      .chart .grid { stroke: var(--rule); stroke-width: 1; }
      .chart .axis { stroke: var(--soft); stroke-width: 1; }
      .chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
      .chart .thin { stroke-width: 1.2; }
      .chart .band { opacity: 0.22; }
      .chart .bar { stroke-width: 1.2; }
      .chart .ring { fill: none; stroke-width: 1.6; }

      """
  }
}
