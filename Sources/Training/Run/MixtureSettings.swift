import Configuration
import Foundation
import Mixing

/// Which domains are read, and what moves that, as configured.
public struct MixtureSettings {
  /// The names of the methods.
  public enum Method: String, CaseIterable, Sendable {
    /// The same weight for every domain.
    case uniform
    /// Weights in proportion to tokens.
    case natural
    /// Given weights.
    case fixed
    /// Dynamic Gradient Alignment (Fan, Grangier, Ablin, arXiv 2410.02498).
    case dga
  }

  /// How alignments are estimated.
  public enum Estimator: String, CaseIterable, Sendable {
    /// One gradient a domain, summed over all ranks: the paper, literally.
    case gradients
    /// One gradient a sequence, compared where it is computed.
    case dots
    /// The derivative of every sequence of a probe along the target's direction; no gradient is formed.
    case ghost
    /// The same for the sequences that are trained on.
    case inline

    /// Whether sequences are scored one by one, so that standard errors are known.
    var givesErrors: Bool { self != .gradients }
    /// Whether the gradients of domains are formed, so that their norms are known.
    var givesNorms: Bool { self == .gradients || self == .dots }
  }

  /// The method.
  public let method: Method
  /// What DGA needs, read whatever the method is, so that `mixture.method=uniform` on the command line makes a baseline.
  public let alignment: AlignmentSettings
  private let section: Section
  private let weights: [(name: String, weight: Double)]

  /// The weights to draw domains with never change.
  public var isConstant: Bool { method != .dga }

  init(_ section: Section) throws {
    self.section = section
    method = try section.choice("method", default: .dga)
    alignment = try AlignmentSettings(section)
    if section.contains("file") {
      weights = try Self.read(section.string("file"), section)
    } else {
      let table = try section.section("weights")
      weights = try table.keys.map { ($0, try table.number($0, in: 0...Double.infinity)) }
    }
    if method == .fixed, weights.isEmpty {
      throw section.failure(
        "weights", "fixed weights are needed: `weights: {domain: share, ...}`, or `file:` with a run's mixture.json")
    }
  }

  private static func read(_ path: String, _ section: Section) throws -> [(String, Double)] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw section.failure("file", "there is no readable file \(path)", kind: .missingInput)
    }
    guard let record = try? JSONDecoder().decode(MixtureFile.self, from: data) else {
      throw section.failure("file", "\(path) is no mixture.json of a run", kind: .badData)
    }
    return record.weights.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// Makes the mixture for domains with these names and numbers of tokens.
  ///
  /// - Throws: `Failure(.badConfiguration)` if weights name a domain that the corpus does not have, whatever the method.
  func mixture(domains: [String], tokens: [Int]) throws -> Mixture {
    var shares = [Double](repeating: 0, count: domains.count)
    for (name, weight) in weights {
      let key = section.contains("file") ? "file" : "weights"
      guard let index = domains.firstIndex(of: name) else {
        let hint = Spelling.nearest(to: name, among: domains).map { "; did you mean `\($0)`?" } ?? ""
        throw section.failure(key, "the corpus has no domain `\(name)`\(hint)")
      }
      shares[index] = weight
    }
    switch method {
    case .uniform: return Mixture(constant: .uniform(domains.count))
    case .natural:
      guard let natural = Weights(proportionalTo: tokens.map(Double.init)) else {
        throw section.failure("method", "no domain has any tokens")
      }
      return Mixture(constant: natural)
    case .fixed:
      guard let fixed = Weights(proportionalTo: shares) else {
        throw section.failure("weights", "at least one weight must be more than zero")
      }
      return Mixture(constant: fixed)
    case .dga: return Mixture(domains: domains.count, following: alignment.rule)
    }
  }
}

/// The file `mixture.json` of a run: weights that another run can take as fixed.
struct MixtureFile: Codable {
  /// What to use as a fixed mixture: the average over the run.
  var weights: [String: Double]
  /// The weights at the end.
  var final: [String: Double]
}
