import Settings

/// A section reads the properties of settings from its keys.
extension Section: KeyVisitor {
  package func text(_ key: String, _ value: inout String, _ meaning: String) throws {
    value = try string(key, default: value.isEmpty ? nil : value)
  }

  package func text(_ key: String, _ value: inout String?, _ meaning: String) throws {
    if isPresent(key) { value = try string(key) }
  }

  package func path(_ key: String, _ value: inout String, _ meaning: String) throws { try text(key, &value, meaning) }

  package func path(_ key: String, _ value: inout String?, _ meaning: String) throws { try text(key, &value, meaning) }

  package func integer(_ key: String, _ value: inout Int, in range: ClosedRange<Int>, _ meaning: String) throws {
    value = try integer(key, default: value, in: range)
  }

  package func integer(_ key: String, _ value: inout Int?, in range: ClosedRange<Int>, _ meaning: String) throws {
    if isPresent(key) { value = try integer(key, in: range) }
  }

  package func limit(_ key: String, _ value: inout Int?, in range: ClosedRange<Int>, _ meaning: String) throws {
    value = try limit(key, default: value, in: range)
  }

  package func number(_ key: String, _ value: inout Double, in range: ClosedRange<Double>, _ meaning: String) throws {
    value = try number(key, default: value, in: range)
  }

  package func number(_ key: String, _ value: inout Double?, in range: ClosedRange<Double>, _ meaning: String) throws {
    if isPresent(key) { value = try number(key, in: range) }
  }

  package func numbers(_ key: String, _ value: inout [Double], _ meaning: String) throws {
    value = try numbers(key, default: value)
  }

  package func texts(_ key: String, _ value: inout [String], _ meaning: String) throws {
    value = try strings(key, default: value)
  }

  package func flag(_ key: String, _ value: inout Bool, _ meaning: String) throws {
    value = try boolean(key, default: value)
  }

  package func word(_ key: String, _ value: inout String, among words: [String], _ meaning: String) throws {
    value = try word(key, default: value, among: words)
  }

  package func word(
    _ key: String, _ value: inout String?, among words: [String], otherwise: String, _ meaning: String
  ) throws {
    if isPresent(key) { value = try word(key, among: words) }
  }

  package func amount(
    _ key: String, _ value: inout Quantity, in units: Set<Quantity.Unit>, _ meaning: String
  ) throws {
    value = try quantity(key, default: value, units: units)
  }

  package func amount(
    _ key: String, _ value: inout Quantity?, in units: Set<Quantity.Unit>, _ meaning: String
  ) throws {
    if isPresent(key) { value = try quantity(key, units: units) }
  }

  package func shares(_ key: String, _ value: inout [Share], _ meaning: String) throws {
    guard isPresent(key) else { return }
    let table = try section(key)
    value = try table.keys.map { Share($0, try table.number($0, in: 0...Double.greatestFiniteMagnitude)) }
  }

  package func mixture(_ key: String, _ value: inout MixtureSource?, _ meaning: String) throws {
    guard isPresent(key) else { return }
    if case .mapping? = entry(key)?.setting {
      var shares: [Share] = []
      try self.shares(key, &shares, meaning)
      value = .shares(shares)
    } else {
      value = .run(try string(key))
    }
  }

  package func section(_ key: String, _ body: (any KeyVisitor) throws -> Void) throws { try body(section(key)) }

  package func list<Element: Configurable>(_ key: String, _ value: inout [Element], _ meaning: String) throws {
    guard isPresent(key) else { return }
    value = try elements(key).map { section in
      var element = Element()
      try element.visit(section)
      return element
    }
  }

  package var isReading: Bool { true }

  package func tolerate(besides choice: String, _ visit: (any KeyVisitor) throws -> Void) throws {
    try visit(ToleratingVisitor(self, besides: choice))
  }

  package func isGiven(_ key: String) -> Bool { contains(key) }

  package func setAside(_ keys: [String]) {
    for key in keys { setAside(key) }
  }

  package func failure(_ key: String, _ message: String) -> any Error {
    failure(key, message, kind: .badConfiguration)
  }

  package func absence(of key: String) -> any Error { missing(key) }

  /// Tells whether a key that may be left out has a value; null is none, and is read with that.
  private func isPresent(_ key: String) -> Bool {
    guard !contains(key) else { return true }
    markRead(key)
    return false
  }
}
