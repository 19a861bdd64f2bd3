import Mixing

/// What the repetitions of a survey have found so far.
///
/// Each is taken for an update of a mixture along a direction of its own, without anything being forgotten, so that
/// ``Evidence`` tells the noise of directions from signal.
struct AlignmentTally {
  /// Scores are differences from the mean of all domains; 1.96 standard errors are 95 % of a normal distribution.
  private static let quantile = 1.96

  /// Alignments in each repetition, (domains, repetitions); nil where the domain was not seen.
  private var alignments: [[Double?]]
  private var memory: ScoreMemory
  private var evidence: Evidence
  private var areMeans = false

  init(domains: Int) {
    alignments = Array(repeating: [], count: domains)
    memory = ScoreMemory(domains: domains)
    evidence = Evidence(domains: domains)
  }

  /// Takes in a repetition's rows.
  ///
  /// - Parameter areMeans: Whether a row is the mean of several sequences, so that one repetition knows no errors.
  mutating func add(
    _ rows: [(domain: Int, score: Double)], unit: Double, recurrence: Double?, areMeans: Bool
  ) {
    evidence.compare(rows, with: memory, memory: 1, recurrence: recurrence)
    memory.observe(rows, memory: 1)
    self.areMeans = areMeans
    var means = DomainMeans(domains: alignments.count)
    means.add(rows.map(\.score), of: rows.map(\.domain))
    for domain in alignments.indices { alignments[domain].append(means[domain].map { $0 * unit }) }
  }

  private var repetitions: Int { alignments[0].count }
  private var scores: Scores { evidence.scores(memory, memory: 1, unit: 1, isMoving: false) }

  /// What comparing the repetitions has found; nil with a single one.
  var finding: Finding? { repetitions > 1 ? scores.finding : nil }

  /// All domains in order.
  func domains(_ names: [String], weights: [Double]) -> [AlignmentSurvey.Domain] {
    let scores = scores
    let errors = scores.errors!.map { $0.isFinite && (repetitions > 1 || !areMeans) ? $0 : nil }
    let worth = worth(scores.values, errors)
    return names.indices.map { domain in
      let isSeen = memory.ages[domain] >= 0
      return AlignmentSurvey.Domain(
        name: names[domain], weight: weights[domain], score: isSeen ? scores.values[domain] : nil,
        standard_error: isSeen ? errors[domain] : nil, worth: worth[domain], alignments: alignments[domain])
    }
  }

  /// How domains with known errors compare with their mean.
  private func worth(_ values: [Double], _ errors: [Double?]) -> [AlignmentSurvey.Worth?] {
    let known = errors.indices.filter { errors[$0] != nil && memory.ages[$0] >= 0 }
    guard repetitions > 1, known.count > 1 else { return errors.map { _ in nil } }
    let count = Double(known.count)
    let mean = known.reduce(0) { $0 + values[$1] } / count
    let total = known.reduce(0) { $0 + errors[$1]! * errors[$1]! }
    var result = [AlignmentSurvey.Worth?](repeating: nil, count: values.count)
    for domain in known {
      // The variance of x_i - mean, with independent errors.
      let variance = errors[domain]! * errors[domain]! * (1 - 2 / count) + total / (count * count)
      let difference = values[domain] - mean
      if abs(difference) > Self.quantile * variance.squareRoot() { result[domain] = difference > 0 ? .more : .less }
    }
    return result
  }
}
