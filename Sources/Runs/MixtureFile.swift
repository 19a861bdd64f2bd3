import Foundation
import Mixing

/// The file `mixture.json` of a run: weights that another run can take as fixed.
public struct MixtureFile: Codable {
  /// What to use as a fixed mixture: the average over the run.
  public var weights: [String: Double]
  /// The weights at the end.
  public var final: [String: Double]

  /// The text of the file for weights of domains in their order.
  ///
  /// - Parameters:
  ///   - weights: The average over the run.
  ///   - final: Those at the end.
  public static func text(_ names: DomainNames, weights: Weights, final: Weights) throws -> String {
    func members(_ weights: Weights) throws -> String {
      try zip(names, weights.values).map { name, weight in
        "    \(try quoted(name)) : \(weight)"
      }.joined(separator: ",\n")
    }
    return "{\n  \"final\" : {\n\(try members(final))\n  },\n  \"weights\" : {\n\(try members(weights))\n  }\n}\n"
  }

  private static func quoted(_ name: String) throws -> String {
    // Nearly all names need no escapes.
    let isPlain = name.utf8.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
    return isPlain ? "\"\(name)\"" : String(decoding: try JSONEncoder().encode(name), as: UTF8.self)
  }
}
