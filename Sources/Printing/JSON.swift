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
  /// - Parameter userInfo: What types that encode themselves are told.
  /// - Throws: `EncodingError`, if a number is not finite and may not be.
  public func data(_ value: some Encodable, userInfo: [CodingUserInfoKey: any Sendable] = [:]) throws -> Data {
    let encoder = JSONEncoder()
    encoder.userInfo = userInfo
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
  /// - Parameter userInfo: What types that decode themselves are told.
  /// - Throws: `DecodingError`.
  public func decode<Value: Decodable>(
    _ type: Value.Type, from data: Data, userInfo: [CodingUserInfoKey: any Sendable] = [:]
  ) throws -> Value {
    let decoder = JSONDecoder()
    decoder.userInfo = userInfo
    if nonFinite {
      decoder.nonConformingFloatDecodingStrategy = .convertFromString(
        positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    }
    return try decoder.decode(type, from: data)
  }

  /// What is wrong with a text that could not be read, in a sentence with the key.
  public static func explanation(of error: any Error) -> String {
    func place(_ path: [any CodingKey]) -> String {
      path.isEmpty
        ? "the top level" : path.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: ".")
    }
    switch error as? DecodingError {
    case .keyNotFound(let key, let context)?:
      return "The key '\(key.stringValue)' is missing in \(place(context.codingPath))."
    case .typeMismatch(_, let context)?, .valueNotFound(_, let context)?:
      return "The value of \(place(context.codingPath)) has the wrong type."
    case .dataCorrupted(let context)? where !context.codingPath.isEmpty:
      return "The value of \(place(context.codingPath)) is invalid."
    default: return "This is not well-formed JSON."
    }
  }
}
