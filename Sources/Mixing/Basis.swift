import Settings

/// The distributions over domains that a mixture is made of, with their names.
struct Basis: Sendable {
  /// The most distributions: more are a matter for weights of the domains themselves.
  static let most = 16_384

  /// The distributions' names, (distributions).
  private(set) var names: [String] = []
  private(set) var distributions: [SparseDistribution] = []
  /// The entries that the user gave, and which distributions each of them is.
  private(set) var entries: [(name: String, range: Range<Int>)] = []

  /// Makes the distributions of the key `basis`.
  ///
  /// An entry is `target`, the run's targets' documents by domain; `uniform`, `natural` or `prior`; `level1`,
  /// `level2`, ..., the nodes of that level of the tree, each with the natural weights of its domains; or the name of a
  /// target of the corpus.
  ///
  /// - Throws: `SettingFault` for the first entry that is none of these, or has no domain to read.
  init(_ entries: [String], for run: RunFacts) throws {
    for entry in entries {
      guard !self.entries.contains(where: { $0.name == entry }) else {
        throw SettingFault("basis", "`\(entry)` is there twice")
      }
      let first = names.count
      if let level = Self.level(entry) {
        try addNodes(of: level, as: entry, run)
      } else {
        names.append(entry)
        distributions.append(SparseDistribution(try Self.weights(entry, run)))
      }
      self.entries.append((entry, first..<names.count))
    }
  }

  /// The coefficients of a start, by entry; an entry of several distributions shares its own among them.
  ///
  /// - Throws: `SettingFault` for a name that is no entry, or if no share is more than zero.
  func coefficients(_ shares: [Share]) throws -> Weights {
    guard !shares.isEmpty else { return .uniform(names.count) }
    var values = [Double](repeating: 0, count: names.count)
    for share in shares {
      guard let range = entries.first(where: { $0.name == share.name })?.range else {
        throw SettingFault(
          "coefficients", "the basis has no `\(share.name)`", unknownName: share.name, among: entries.map(\.name))
      }
      for place in range { values[place] = share.value / Double(range.count) }
    }
    guard let weights = Weights(proportionalTo: values) else {
      throw SettingFault("coefficients", "at least one coefficient must be more than zero")
    }
    return weights
  }

  /// The targets whose documents are counted, in order.
  func targets(of run: RunFacts) -> [String] {
    let named = entries.flatMap { entry in
      entry.name == "target" ? run.targets.filter { $0.value > 0 }.map(\.name) : [entry.name]
    }.filter(run.targetNames.contains)
    return named.enumerated().filter { !named.prefix($0.offset).contains($0.element) }.map(\.element)
  }

  /// Says which entries start with a coefficient of 0, which no factor can raise; nil if there are none, or if all the
  /// weight is on one distribution, as somebody wants who compares with it.
  func remark(onStart coefficients: Weights) -> String? {
    let still = entries.filter { $0.range.allSatisfy { coefficients.values[$0] == 0 } }.map { "`\($0.name)`" }
    guard !still.isEmpty, coefficients.support.count(where: \.self) > 1 else { return nil }
    let verb = still.count == 1 ? "starts" : "start"
    return "mixture.coefficients: \(still.joined(separator: ", ")) of the basis \(verb) with a coefficient of 0. Moves "
      + "multiply coefficients, so it stays 0; a small share is enough to let it grow."
  }

  private static let words: [String: @Sendable (RunFacts) throws -> Weights] = [
    "target": { try ImportanceWeights().weights(for: $0, key: "basis") },
    "uniform": { try $0.uniformWeights() },
    "natural": { try $0.naturalWeights() },
    "prior": { try $0.readableWeights($0.prior.values) },
  ]

  private static func weights(_ entry: String, _ run: RunFacts) throws -> Weights {
    if let weights = words[entry] { return try weights(run) }
    guard run.targetNames.contains(entry) else {
      throw SettingFault(
        "basis",
        "`\(entry)` is neither `target`, `uniform`, `natural`, `prior`, a level of the tree such as `level1`, nor a "
          + "target of the corpus", unknownName: entry, among: words.keys.sorted() + run.targetNames)
    }
    let counts = try run.readableDocuments(of: entry)
    guard let weights = Weights(proportionalTo: counts) else { throw RunFacts.noSupport(of: entry, key: "basis") }
    return weights
  }

  /// The level that an entry names, from 1 on.
  private static func level(_ entry: String) -> Int? {
    entry.hasPrefix("level") ? Int(entry.dropFirst(5)).flatMap { $0 > 0 ? $0 : nil } : nil
  }

  private mutating func addNodes(of level: Int, as entry: String, _ run: RunFacts) throws {
    guard let tree = run.tree else {
      throw SettingFault(
        "basis", "the corpus has no tree of domains, so there is no `\(entry)`; `dga cluster` makes one")
    }
    guard level <= tree.levels else {
      throw SettingFault("basis", "the tree has \(tree.levels) levels, so there is no `\(entry)`")
    }
    let count = tree.counts[level - 1]
    guard names.count + count <= Self.most else {
      throw SettingFault(
        "basis",
        "`\(entry)` has \(count) nodes, and a basis at most \(Self.most) distributions; without a basis every domain "
          + "has a weight of its own")
    }
    let (nodes, readable) = (tree.nodes(at: level - 1), run.isReadable)
    var members = [[Int32]](repeating: [], count: count)
    for domain in nodes.indices where readable[domain] { members[Int(nodes[domain])].append(Int32(domain)) }
    for (node, domains) in members.enumerated() {
      let tokens = domains.map { Double(run.tokens[Int($0)]) }
      // A node without text to read is no distribution.
      guard let distribution = SparseDistribution(domains, proportionalTo: tokens) else { continue }
      names.append("\(entry)/\(node)")
      distributions.append(distribution)
    }
  }
}
