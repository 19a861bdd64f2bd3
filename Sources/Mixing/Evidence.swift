import Columns

/// What successive updates agree on: how far domains truly differ, and how sure that is.
///
/// The fresh scores of an update are compared with the remembered ones, which other sequences and another direction
/// made. What the two have in common is signal; neither the sequences' noise nor the direction's is in it. With x_i the
/// mean of n_i fresh scores of domain i, m_i its remembered score with the error e_i, tau^2 the variance of true scores
/// as known before, and y, d their differences from means that are weighted with q:
///
///     a_i = 1 / (e_i^2 + tau^2)      q_i = n_i a_i
///     N <- keep N + sum q_i d_i y_i                     agreement
///     A <- keep A + sum q_i (1 - q_i / sum q)           what N is expected to be per unit of tau^2
///     V <- keep^2 V + sum q_i^2 d_i^2 (v_i / n_i + g^2)     the variance of N if all domains are alike
///
/// so tau^2 = N / A and z = N / sqrt(V) standard errors. Fresh and remembered scores differ by more than the sequences'
/// noise explains, because each direction has an error of its own and gradients change from step to step; g^2 is that
/// excess, as a variance of a score.
/// `docs/mixing.md` derives all of it.
public struct Evidence: Codable, Sendable, Equatable {
  /// How much the sums of earlier updates count at an update.
  static let keep = 0.98

  var agreement = 0.0, expectation = 0.0, variance = 0.0
  /// The sum by which squared differences exceed the sequences' noise, and that of the factors of g^2 in it: their
  /// quotient is g^2.
  private var excess = 0.0, exposure = 0.0
  /// The same along a tree, by its levels; nil without one.
  var errors: DirectionErrors?
  /// The sums of squares of sequences per update, of which older ones count less, (domains): those of one update share
  /// the error of its direction.
  @Column private var squaredCounts: [Double]
  /// The share of a direction's squared error that comes back with the next directions, because they read the same
  /// windows; nil if they read no others.
  private var recurrence: Double? = 0

  /// Updates so far.
  public private(set) var updates = 0
  /// The variance of true scores over domains, tau^2.
  public private(set) var signal = 0.0
  /// The variance that the scores of one update have in common beyond what lasts, g^2.
  public internal(set) var directionNoise = 0.0
  /// By how many standard errors fresh and remembered scores agree, z.
  public private(set) var significance = 0.0

  /// Checks what was read from a file.
  ///
  /// - Parameter levels: Those of the tree, if there is one.
  func check(domains: Int, levels: Int?) throws(StateFault) {
    try Mixing.check(["evidence.squaredCounts": squaredCounts.count], are: domains)
    if let levels { try errors?.check(levels: levels) }
    try Mixing.check("evidence.updates", updates >= 0, "is negative")
  }

  /// Knows nothing yet.
  public init(domains: Int) { _squaredCounts = Column(wrappedValue: [Double](repeating: 0, count: domains)) }

  /// The number of domains.
  var count: Int { squaredCounts.count }

  /// Carries what is known over to other domains.
  func carried(over change: DomainChange) -> Evidence {
    var evidence = self
    if count > 0 { evidence.squaredCounts = change.carried(squaredCounts, new: 0) }
    // The tree is another one. What its directions made of the agreement's variance stays in it.
    evidence.variance += errors?.variance ?? 0
    evidence.errors = nil
    return evidence
  }

  /// Takes in the scores of an update, before the memory does.
  ///
  /// - Parameters:
  ///   - scores: The domain and the relative score of every sequence.
  ///   - means: What rows that are means of several sequences are worth; nil if each is one.
  ///   - known: What is remembered of earlier updates.
  ///   - memory: How much what is known already counts now, in `0...1`.
  ///   - recurrence: The share of the direction's squared error that comes back with directions to come; nil if all
  ///     of it does, so that it cannot be told from signal.
  ///   - branches: The tree that scores are guessed along; nil if each is guessed by itself.
  public mutating func compare(
    _ scores: [(domain: Int, score: Double)], means: RowMeans? = nil, with known: ScoreMemory, memory: Double,
    recurrence: Double?, along branches: Branches? = nil
  ) {
    updates += 1
    self.recurrence = recurrence
    var (sums, counts) = (squaredCounts.map { _ in 0.0 }, squaredCounts.map { _ in 0.0 })
    for (row, (domain, score)) in scores.enumerated() {
      let count = means?.counts[row] ?? 1
      sums[domain] += count * score
      counts[domain] += count
    }
    let deviation = scores.indices.reduce(0.0) { sum, row in
      let difference = scores[row].score - sums[scores[row].domain] / counts[scores[row].domain]
      let (count, variance) = (means?.counts[row] ?? 1, means?.variances[row] ?? 0)
      return sum + count * (difference * difference + variance)
    }
    // A mean of a distribution's sequences can be worth less than one.
    let freedom = counts.reduce(0) { $0 + max(0, $1 - 1) }
    let summary = known.summary(memory: memory, noise: branches?.variances?.noise)
    let rows = counts.indices.compactMap { domain -> Row? in
      guard counts[domain] > 0, let old = summary.domains[domain] else { return nil }
      return Row(
        domain: domain, count: counts[domain], fresh: sums[domain] / counts[domain], known: old,
        share: share(of: domain, old))
    }
    let predictions = branches.flatMap { posterior(of: summary, known, along: $0) }
    // A run can go on along a tree, or without, that it had not before.
    if branches == nil { variance += errors?.variance ?? 0 }
    errors = branches.map { errors ?? DirectionErrors(levels: $0.shrinkage.tree.levels) }
    decay(memory: memory)
    if rows.count > 1 {
      // Differences are weighted by what was known before this update. Scores come from Float sums, so that none is
      // known better than to 1e-8.
      let weights = rows.map { $0.count / max(squaredError($0.known, share: $0.share) + signal, 1e-16) }
      if let branches {
        compareSizes(rows, variance: branches.variances?.noise ?? summary.pooled, branches)
      } else {
        // Sequences of now may vary less than remembered ones.
        compareSizes(rows, variance: freedom > 0 ? deviation / freedom : summary.pooled)
        compareDifferences(rows, weights, means)
      }
    }
    if let branches, let predictions {
      compare(predictions, with: sums, counts, noise: summary.pooled, branches)
    }
    conclude(
      freedom: branches.flatMap { errors?.freedom(counts, along: $0.shrinkage.tree) } ?? Double(max(rows.count - 1, 1)))
    for domain in counts.indices {
      squaredCounts[domain] = memory * memory * squaredCounts[domain] + counts[domain] * counts[domain]
    }
  }

  /// Ages what it knows with the memory, at an update whose scores are refused.
  mutating func skip(memory: Double) {
    for domain in squaredCounts.indices { squaredCounts[domain] *= memory * memory }
  }

  /// A domain with fresh and remembered scores.
  struct Row {
    let domain: Int
    /// Fresh sequences, and their mean.
    let count, fresh: Double
    let known: ScoreMemory.Summary.Domain
    /// The share of one direction's squared error that is in the remembered score.
    let share: Double
  }

  private mutating func decay(memory: Double) {
    agreement *= Self.keep
    expectation *= Self.keep
    variance *= Self.keep * Self.keep
    // Scores change fastest early in a run, so disagreement is forgotten as fast as the scores are.
    excess *= min(memory, Self.keep)
    exposure *= min(memory, Self.keep)
    errors?.decay(differences: min(memory, Self.keep), squares: Self.keep * Self.keep)
  }

  /// By how much fresh and remembered scores differ, beyond the noise of sequences: g^2.
  ///
  /// - Parameter variance: That of a fresh sequence.
  private mutating func compareSizes(_ rows: [Row], variance: Double) {
    let total = rows.reduce(0) { $0 + $1.count }
    let shift = rows.reduce(0) { $0 + $1.count * ($1.fresh - $1.known.mean) } / total
    for row in rows {
      let difference = row.fresh - row.known.mean - shift
      let part = row.count / total
      let noise = variance + row.count * row.known.squaredError
      excess += row.count * difference * difference - (1 - part) * noise
      exposure += row.count * (1 - part) * (1 + row.share)
    }
    directionNoise = exposure > 0 ? max(0, excess) / exposure : 0
  }

  /// Whether fresh scores differ between domains as remembered ones do.
  private mutating func compareDifferences(_ rows: [Row], _ weights: [Double], _ means: RowMeans?) {
    let total = weights.reduce(0, +)
    guard total.isFinite, total > 0 else { return }
    let known = zip(rows, weights).reduce(0) { $0 + $1.1 * $1.0.known.mean } / total
    let fresh = zip(rows, weights).reduce(0) { $0 + $1.1 * $1.0.fresh } / total
    var deviations = means.map { $0.loadings.isEmpty ? [] : squaredCounts.map { _ in 0.0 } } ?? []
    for (row, weight) in zip(rows, weights) {
      let difference = row.known.mean - known
      agreement += weight * difference * (row.fresh - fresh)
      expectation += weight * (1 - weight / total)
      let noise = row.known.variance / row.count + directionNoise
      if deviations.isEmpty {
        variance += weight * weight * difference * difference * noise
      } else {
        deviations[row.domain] = weight * difference * noise.squareRoot()
      }
    }
    // Rows with sequences in common err together.
    if let means, !deviations.isEmpty { variance += means.variance(of: deviations) }
  }

  /// The variance of true scores and its significance, without what agrees only because directions share windows.
  private mutating func conclude(freedom: Double) {
    (signal, significance) = (0, 0)
    guard expectation > 0, let recurrence else { return }
    let returning = recurrence * directionNoise * expectation
    let net = agreement - returning
    let error = (variance + (errors?.variance ?? 0) + 2 * returning * returning / freedom).squareRoot()
    signal = max(0, net) / expectation
    significance = error > 0 ? net / error : 0
  }

  /// The share of one direction's squared error that is in a remembered score.
  func share(of domain: Int, _ known: ScoreMemory.Summary.Domain) -> Double {
    squaredCounts[domain] / (known.weight * known.weight)
  }

  /// The squared error of a remembered score as one of now, the directions' part included.
  func squaredError(_ known: ScoreMemory.Summary.Domain, share: Double) -> Double {
    (known.squaredError + directionPart(share)) * known.aging
  }

  private func directionPart(_ share: Double) -> Double {
    recurrence.map { directionNoise * (share + $0) } ?? .infinity
  }

  /// What is known of all scores after an update.
  ///
  /// Errors are of differences between the domains' scores at this moment. What passes cannot be told from the
  /// directions' noise, so all of g^2 counts as one or the other, whichever is more. Differences that last have smaller
  /// errors, which ``Scores/lastingErrors`` are.
  ///
  /// - Parameters:
  ///   - known: What is remembered, this update included.
  ///   - isMoving: Whether the model changes between updates.
  ///   - branches: The tree that scores are guessed along; nil if each is guessed by itself.
  public func scores(
    _ known: ScoreMemory, memory: Double, unit: Double, isMoving: Bool = true, along branches: Branches? = nil
  ) -> Scores {
    var scores = Scores(values: known.values, unit: unit)
    let summary = known.summary(memory: memory, noise: branches?.variances?.noise)
    let squares = summary.domains.enumerated().map { domain, found in
      found.map { squaredError($0, share: share(of: domain, $0)) } ?? .infinity
    }
    let passing = isMoving ? directionNoise * max(0, 1 - (recurrence ?? 1)) : 0
    scores.errors = squares.map { ($0 + passing).squareRoot() }
    scores.lastingErrors = squares.map { $0.squareRoot() }
    scores.finding = finding(summary)
    if let branches { guess(&scores, by: summary, known, along: branches) }
    return scores
  }

  private func finding(_ known: ScoreMemory.Summary) -> Finding {
    var (sequences, directions, count) = (0.0, 0.0, 0.0)
    for (domain, found) in known.domains.enumerated() {
      guard let found else { continue }
      sequences += found.squaredError * found.aging
      directions += directionPart(share(of: domain, found)) * found.aging
      count += 1
    }
    return Finding(
      signal: signal, sequenceNoise: count > 0 ? sequences / count : .infinity,
      directionNoise: count > 0 ? directions / count : .infinity, significance: significance, updates: updates)
  }
}
