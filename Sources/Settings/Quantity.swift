/// An amount with its unit, such as `1000steps`, `2e9tokens`, `1epoch` or `50documents`.
public struct Quantity: Equatable, Sendable, CustomStringConvertible {
  /// What is counted; the raw value is the name in the plural.
  public enum Unit: String, CaseIterable, Sendable {
    /// Optimizer steps.
    case steps
    /// Tokens of text.
    case tokens
    /// Passes over the data; fractions are allowed.
    case epochs
    /// Documents of a corpus.
    case documents
    /// Bytes of UTF-8 text.
    case bytes
    /// Time by the clock; fractions are allowed.
    case seconds, minutes, hours

    /// Spellings that are understood, the one that is written first.
    public var spellings: [String] { [rawValue, String(rawValue.dropLast())] }

    var isCounted: Bool { self != .epochs && seconds == nil }

    /// The length of one in seconds; nil for what is no time.
    var seconds: Double? {
      switch self {
      case .seconds: 1
      case .minutes: 60
      case .hours: 3600
      default: nil
      }
    }
  }

  /// The number before the unit: finite, not negative, whole for everything but epochs and times.
  public let value: Double

  /// What the number counts.
  public let unit: Unit

  /// Creates an amount of a unit.
  ///
  /// - Precondition: `value` is finite, not negative, and whole where the unit is counted.
  public init(_ value: Double, _ unit: Unit) {
    precondition(Quantity.isValid(value, unit), "\(value) is no amount of \(unit)")
    self.value = value
    self.unit = unit
  }

  /// Reads an amount such as `1000steps` or `1 epoch`; nil if the text is none.
  public init?(_ text: String) {
    let trimmed = text.drop(while: { $0 == " " })
    // The number ends where a letter begins that is not the exponent's e.
    var end = trimmed.startIndex
    var sawExponent = false
    while end < trimmed.endIndex {
      let character = trimmed[end]
      let next = trimmed.index(after: end)
      if !sawExponent, character == "e" || character == "E", next < trimmed.endIndex,
        trimmed[next].isASCII, trimmed[next].isNumber || trimmed[next] == "+" || trimmed[next] == "-"
      {
        sawExponent = true
      } else if !(character.isASCII && (character.isNumber || "._+-".contains(character))) {
        break
      }
      end = next
    }
    let name = trimmed[end...].trimming(" ").lowercased()
    guard let unit = Unit.allCases.first(where: { $0.spellings.contains(name) }),
      let value = Number.double(String(trimmed[..<end])), Quantity.isValid(value, unit)
    else { return nil }
    self.value = value
    self.unit = unit
  }

  /// The number as an integer, for counted units.
  ///
  /// - Precondition: the unit is neither epochs nor a time.
  public var count: Int {
    precondition(unit.isCounted, "\(unit) are not counted in whole numbers")
    return Int(value)
  }

  /// The amount in seconds; nil if it is no time.
  public var seconds: Double? { unit.seconds.map { value * $0 } }

  /// The shortest text that is read back as this amount.
  public var description: String {
    let number = value == value.rounded() && value <= 0x1p53 ? String(Int(value)) : String(value)
    return number + (value == 1 ? unit.spellings.last! : unit.spellings[0])
  }

  private static func isValid(_ value: Double, _ unit: Unit) -> Bool {
    value.isFinite && value >= 0 && (!unit.isCounted || (value == value.rounded() && value <= 0x1p53))
  }
}

extension Substring {
  fileprivate func trimming(_ character: Character) -> Substring {
    var result = self
    while result.first == character { result.removeFirst() }
    while result.last == character { result.removeLast() }
    return result
  }
}

/// Numbers as people write them in configurations.
public enum Number {
  /// Reads a finite decimal number with optional `_` between digits and optional exponent.
  public static func double(_ text: String) -> Double? {
    guard let plain = withoutSeparators(text), let value = Double(plain), value.isFinite else { return nil }
    return value
  }

  /// Reads a whole number; `1e6` is one, `1.5` is none, and beyond 2^53 only digits are exact enough.
  public static func integer(_ text: String) -> Int? {
    guard let plain = withoutSeparators(text) else { return nil }
    if let value = Int(plain) { return value }
    guard let value = Double(plain), value == value.rounded(), abs(value) <= 0x1p53 else { return nil }
    return Int(value)
  }

  /// Removes `_` between digits; nil for anything that is not written in decimal.
  private static func withoutSeparators(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    var plain: [UInt8] = []
    for (i, byte) in bytes.enumerated() {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "+"), UInt8(ascii: "-"),
        UInt8(ascii: "e"), UInt8(ascii: "E"):
        plain.append(byte)
      case UInt8(ascii: "_"):
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard i > 0, i + 1 < bytes.count, digits ~= bytes[i - 1], digits ~= bytes[i + 1] else { return nil }
      default: return nil
      }
    }
    return plain.isEmpty ? nil : String(decoding: plain, as: UTF8.self)
  }
}
