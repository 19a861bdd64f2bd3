import Columns
import Glibc

/// What is known of every domain's score: measurements of sequences, of which older ones count less and less.
///
/// With each update what was known before counts `memory` times as much, so a score is a weighted mean over sequences,
/// and its standard error that of such a mean. While a domain is not seen both stay as they are; but the model goes on
/// changing, and as an error of the present score its square grows by 1 / memory with each update. A memory of 0 keeps
/// the last measurement alone.
public struct ScoreMemory: Sendable, Equatable, Codable {
  /// The sum of the weights of the sequences seen, of their squares, and the weighted sums of scores and of their
  /// squares.
  @Column private(set) var weights: [Double]
  @Column private(set) var squaredWeights: [Double]
  @Column private(set) var sums: [Double]
  @Column private(set) var squares: [Double]
  /// The last value of every domain, which it keeps when the memory is gone.
  @Column private(set) var values: [Double]
  /// Updates since a domain was measured last, (domains); -1 for one that never was.
  @Column public private(set) var ages: [Int]

  /// Knows nothing of any domain.
  public init(domains: Int) {
    let zeros = Column(wrappedValue: [Double](repeating: 0, count: domains))
    (_weights, _squaredWeights, _sums, _squares, _values) = (zeros, zeros, zeros, zeros, zeros)
    _ages = Column(wrappedValue: [Int](repeating: -1, count: domains))
  }

  /// The number of domains.
  public var count: Int { values.count }

  /// Carries what is known over to other domains; new ones have never been measured.
  func carried(over change: DomainChange) -> ScoreMemory {
    guard count > 0 else { return self }
    var memory = ScoreMemory(domains: change.now)
    change.carry(weights, into: &memory.weights)
    change.carry(squaredWeights, into: &memory.squaredWeights)
    change.carry(sums, into: &memory.sums)
    change.carry(squares, into: &memory.squares)
    change.carry(values, into: &memory.values)
    change.carry(ages, into: &memory.ages)
    return memory
  }

  /// Takes in the measurements of an update.
  ///
  /// - Parameters:
  ///   - scores: The domain and the relative score of every sequence, in an order that does not depend on ranks.
  ///   - means: What rows that are means of several sequences are worth; nil if each is one.
  ///   - memory: How much what is known already counts now, in `0...1`.
  public mutating func observe(
    _ scores: [(domain: Int, score: Double)], means: RowMeans? = nil, memory: Double
  ) {
    for domain in values.indices {
      weights[domain] *= memory
      squaredWeights[domain] *= memory * memory
      sums[domain] *= memory
      squares[domain] *= memory
      if ages[domain] >= 0 { ages[domain] += 1 }
    }
    for (row, (domain, score)) in scores.enumerated() {
      let (count, variance) = (means?.counts[row] ?? 1, means?.variances[row] ?? 0)
      weights[domain] += count
      squaredWeights[domain] += count
      sums[domain] += count * score
      squares[domain] += count * (score * score + variance)
      ages[domain] = 0
    }
    for domain in values.indices where ages[domain] == 0 { values[domain] = sums[domain] / weights[domain] }
    // A domain that was never seen is taken for an average one.
    let seen = ages.indices.filter { ages[$0] >= 0 }
    let mean = seen.isEmpty ? 0 : seen.reduce(0) { $0 + values[$1] } / Double(seen.count)
    for domain in values.indices where ages[domain] < 0 { values[domain] = mean }
  }

  /// What is known of all scores, with the memory that they are observed with.
  public func scores(unit: Double, memory: Double) -> Scores {
    let summary = summary(memory: memory)
    return Scores(
      values: values, errors: summary.domains.map { $0?.error ?? .infinity },
      aging: ages.map { $0 > 0 ? pow(memory, -Double($0)) : 1 }, unit: unit)
  }

  /// What is remembered, in figures.
  struct Summary {
    /// One domain.
    struct Domain {
      /// The score, and the weight of the sequences in it.
      let mean, weight: Double
      /// The variance of single sequences, and the standard error of the score that follows from it.
      let variance, error: Double
      /// By how much the squared error as one of now has grown since the domain was measured.
      let aging: Double

      var squaredError: Double { error * error }
    }

    /// All domains; nil where nothing is remembered.
    var domains: [Domain?]
    /// The variance of single sequences, all domains together.
    var pooled: Double
  }

  /// What is remembered, in figures, with the memory that scores are observed with.
  ///
  /// A domain of few sequences cannot tell its own variance, so that is shrunk towards the one of all together,
  /// as if by four sequences more (Smyth, 2004, does so for genes). With not even two sequences of any domain,
  /// differences between domains count as noise.
  ///
  /// - Parameter noise: The variance of all domains together, if it is known otherwise.
  func summary(memory: Double, noise: Double? = nil) -> Summary {
    let pooled = noise ?? pooledVariance
    let domains = values.indices.map { domain -> Summary.Domain? in
      // A domain that was seen too long ago is forgotten: beyond this, squares of weights underflow.
      guard squaredWeights[domain] >= .leastNormalMagnitude else { return nil }
      let variance = (Self.priorFreedom * pooled + deviation(domain)) / (Self.priorFreedom + freedom(domain))
      let error = (variance * squaredWeights[domain]).squareRoot() / weights[domain]
      return Summary.Domain(
        mean: values[domain], weight: weights[domain], variance: variance, error: error,
        aging: ages[domain] > 0 ? pow(memory, -Double(ages[domain])) : 1)
    }
    return Summary(domains: domains, pooled: pooled)
  }

  private var pooledVariance: Double {
    var (within, freedom) = (0.0, 0.0)
    for domain in values.indices where weights[domain] > 0 {
      within += deviation(domain)
      freedom += self.freedom(domain)
    }
    if freedom >= 1e-9 { return within / freedom }
    let seen = ages.indices.filter { ages[$0] >= 0 }
    let mean = seen.reduce(0) { $0 + values[$1] } / Double(max(seen.count, 1))
    return seen.reduce(0) { $0 + (values[$1] - mean) * (values[$1] - mean) } / Double(max(seen.count - 1, 1))
  }

  private static let priorFreedom = 4.0

  /// The weighted sum of squared deviations from a domain's mean.
  private func deviation(_ domain: Int) -> Double {
    max(0, squares[domain] - sums[domain] * sums[domain] / weights[domain])
  }

  /// How many squared deviations of equal weight that sum is worth.
  private func freedom(_ domain: Int) -> Double {
    max(0, weights[domain] - squaredWeights[domain] / weights[domain])
  }
}
