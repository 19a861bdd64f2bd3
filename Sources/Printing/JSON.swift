import Foundation

/// The one way in which values become JSON: keys are sorted, slashes are not escaped.
public struct JSON: Sendable {
  private var isPretty = false
  private var nonFinite = false

  /// On one line.
  public static let line = JSON()
  /// With line breaks, for files that people open.
  public static let pretty = JSON(isPretty: true)
  /// On one line; numbers that are not finite are the words `inf`, `-inf` and `nan`.
  public static let state = JSON(nonFinite: true)

  /// The bytes of a value.
  ///
  /// - Throws: `EncodingError`, if a number is not finite and may not be.
  public func data(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    if isPretty { encoder.outputFormatting.insert(.prettyPrinted) }
    if nonFinite {
      encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    }
    return try encoder.encode(value)
  }

  /// The text of a value.
  ///
  /// - Throws: `EncodingError`, if a number is not finite and may not be.
  public func text(_ value: some Encodable) throws -> String { String(decoding: try data(value), as: UTF8.self) }

  /// Reads a value that was written in this way.
  ///
  /// - Throws: `DecodingError`.
  public func decode<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
    let decoder = JSONDecoder()
    if nonFinite {
      decoder.nonConformingFloatDecodingStrategy = .convertFromString(
        positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    }
    return try decoder.decode(type, from: data)
  }
}
