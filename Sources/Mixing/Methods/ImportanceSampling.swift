import Settings

/// Importance sampling (CRISP: Grangier, Fan, Seto, Ablin, arXiv 2410.03735): domains are drawn as often as the
/// target's documents belong to them.
///
/// With c_i the steering documents of the target in domain i and n_i the domains' tokens,
///
///     p_i = (c_i + pseudocount n_i / sum n) / sum
///
/// Of several targets the weights are the mean by the targets' weights. The paper states no smoothing, which is a
/// pseudocount of 0. Domains without a window to read have no weight.
package struct ImportanceWeights: ConstantWeights, Equatable {
  package static let name = "importance"
  /// Documents of the natural mixture beside each target's own.
  package var pseudocount = 0.0

  package init() {}

  package mutating func visit(_ keys: any KeyVisitor) throws {
    try keys.number(
      "pseudocount", &pseudocount, in: 0...1e9,
      "documents in the domains' natural proportions that are added to the target's own; 0 is the target's own alone")
  }

  package func weights(for run: RunFacts) throws -> Weights { try weights(for: run, key: "method") }

  /// The weights, for a key that errors name.
  func weights(for run: RunFacts, key: String) throws -> Weights {
    let natural = pseudocount > 0 ? try run.naturalWeights() : nil
    let targets = run.targets.filter { $0.value > 0 }
    let all = try targets.map { target -> SparseDistribution in
      let counts = try run.readableDocuments(of: target.name)
      guard let weights = Self.weights(of: counts, pseudocount: pseudocount, prior: natural) else {
        throw RunFacts.noSupport(of: target.name, key: key)
      }
      return SparseDistribution(weights)
    }
    guard let shares = Weights(proportionalTo: targets.map(\.value)) else {
      throw SettingFault(key, "importance sampling needs a target")
    }
    return Weights(all, mixedBy: shares, domains: run.tokens.count)
  }

  /// The weights by a target's documents; nil if there are none.
  ///
  /// - Parameters:
  ///   - counts: Documents of each domain, (domains).
  ///   - prior: The proportions of the documents that are added; nil for none.
  package static func weights(of counts: [Double], pseudocount: Double = 0, prior: Weights? = nil) -> Weights? {
    guard let prior else { return Weights(proportionalTo: counts) }
    return Weights(proportionalTo: zip(counts, prior.values).map { $0 + pseudocount * $1 })
  }

  package func remarks(for run: RunFacts) -> [String] {
    guard pseudocount == 0 else { return [] }
    return run.remarks(
      onFewDocumentsOf: run.targets.filter { $0.value > 0 }.map(\.name), key: "method",
      remedy: "A `pseudocount` mixes them with the natural weights.")
  }
}

extension RunFacts {
  /// Says which targets have so few documents that weights by them are chance.
  ///
  /// - Parameters:
  ///   - key: The key that chose these weights.
  ///   - remedy: What helps, as a sentence.
  func remarks(onFewDocumentsOf targets: [String], key: String, remedy: String) -> [String] {
    targets.compactMap { target in
      guard let counts = try? readableDocuments(of: target) else { return nil }
      let (documents, domains) = (counts.reduce(0, +), counts.count { $0 > 0 })
      guard documents < 10 * Double(domains) else { return nil }
      return
        "mixture.\(key): the \(Int(documents)) steering documents of \(target) are in \(domains) domains, fewer than "
        + "ten for each, so that the weights of single domains are chance to a large part. \(remedy)"
    }
  }

  /// The steering documents of a target in each domain that can be read, (domains).
  func readableDocuments(of target: String) throws -> [Double] {
    let counts = try documents.counts(of: target, histogram)
    precondition(counts.count == tokens.count, "a histogram is of the corpus's domains")
    return zip(counts, isReadable).map { $1 ? $0 : 0 }
  }

  static func noSupport(of target: String, key: String) -> SettingFault {
    SettingFault(
      key,
      "the histogram of \(target) is without support: none of its steering documents is in a domain with text for "
        + "training")
  }
}
