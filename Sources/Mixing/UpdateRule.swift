/// The rule of Dynamic Gradient Alignment (Fan, Grangier, Ablin, arXiv 2410.02498) with smoothed weights.
///
/// With scores `s_i` in proportion to alignments `a_i = < gradient of domain i, gradient of the target >`, one update
/// is
///
///     raw'     = from . exp(rate s) / sum,   then   raw' <- (1 - floor) raw' + floor / k
///     sampled' = (1 - newWeight) sampled + newWeight raw'
///
/// where `from` is `raw` or `sampled`, by `recursion`. That is a walk. With `caution: evidence` `from` is always the
/// prior, s_i are the best guesses of true scores, and the floor is the prior's part. A domain that agrees with the
/// target gains: a training step along `sum_i w_i g_i` lowers the target's loss by about the learning rate times
/// `sum_i w_i a_i`.
public struct UpdateRule: Sendable, Equatable {
  /// What decides how far one update goes.
  public enum Step: Sendable, Equatable {
    /// A fixed factor between alignments and changes of log weights, as in the paper. Not scale free.
    case eta(Double)
    /// As far as the divergence of the new weights from the old ones, in nats: the same for any scale of alignments.
    case divergence(Double)
  }

  /// The choice of the weights that an update starts from.
  public enum Recursion: String, CaseIterable, Sendable {
    /// Raw weights keep their own history; the sampled weights are a smoothed copy that never feeds back.
    case raw
    /// The sampled weights feed back: each update starts from them.
    case smoothed
  }

  /// What standard errors of scores are used for.
  public enum Caution: String, CaseIterable, Sendable {
    /// Nothing, as in the paper.
    case none
    /// The weights are kept while scores differ no more than their errors alone would make them.
    case hold
    /// Each score is shrunk towards the mean of all, the more the larger its error is compared with what domains really
    /// differ by.
    case shrink
    /// Weights are a function of what is known: from the prior along the best guesses of true scores, as far as the
    /// scores of successive updates agree beyond chance.
    case evidence
  }

  /// What decides how far one update goes.
  public let step: Step
  /// The weight of the new weights in the moving average, in `0...1`; 1 is no average, near 0 is almost frozen.
  public let newWeight: Double
  /// The weights that an update starts from.
  public let recursion: Recursion
  /// The part of the raw weights that stays at the prior (`evidence`), or is spread evenly over its domains.
  public let floor: Double
  /// What standard errors of scores are used for.
  public let caution: Caution

  /// Creates the rule.
  ///
  /// - Precondition: `step` is finite and not negative, `newWeight` in `0...1` and above 0, `floor` in `0...1`.
  public init(
    step: Step, newWeight: Double = 1, recursion: Recursion = .raw, floor: Double = 0, caution: Caution = .none
  ) {
    switch step {
    case .eta(let size), .divergence(let size):
      precondition(size >= 0 && size.isFinite, "the step size is finite and not negative")
    }
    precondition(newWeight > 0 && newWeight <= 1, "the weight of the new weights is above 0 and at most 1")
    precondition((0...1).contains(floor), "the floor is a share")
    self.step = step
    self.newWeight = newWeight
    self.recursion = recursion
    self.floor = floor
    self.caution = caution
  }

  /// Creates the paper's rule: a fixed factor, and no use of errors.
  public init(eta: Double, newWeight: Double = 1, recursion: Recursion = .raw, floor: Double = 0) {
    self.init(step: .eta(eta), newWeight: newWeight, recursion: recursion, floor: floor)
  }

  /// Moves raw weights and those in use by one update.
  ///
  /// Scores that are not finite are refused: the weights stay, and the move says which domain was the first. A
  /// measurement that overflowed is no reason to end a run, and weights made of it could never recover.
  ///
  /// - Parameters:
  ///   - raw: The weights before smoothing; moved.
  ///   - present: The weights in use.
  ///   - ages: Moves since each domain was measured last, for the record.
  ///   - prior: The weights of a run that knows nothing; nil is all domains alike. A domain without weight in it stays
  ///     without.
  public func move(
    raw: inout Weights, from present: Weights, scores: Scores, ages: [Int] = [], prior: Weights? = nil
  ) -> Move {
    var move = Move(weights: present, raw: raw)
    (move.scores, move.ages) = (scores, ages)
    move.refused = scores.alignments.firstIndex { !$0.isFinite }
    guard move.refused == nil else { return move }

    let prior = prior ?? .uniform(raw.count)
    if caution == .evidence {
      (raw, move.spread) = anchored(at: prior, scores)
    } else {
      let from = recursion == .raw ? raw : present
      (raw, move.spread) = stepped(from: from, scores, even: .uniform(over: prior.support) ?? prior)
    }
    move.raw = raw
    move.weights = present.mixed(with: raw, share: newWeight)
    return move
  }

  /// One step away from weights, and the largest change of the logarithm of a ratio of two.
  private func stepped(from: Weights, _ scores: Scores, even: Weights) -> (Weights, spread: Double) {
    let rate =
      switch step {
      case .eta(let eta): eta * scores.unit
      case .divergence(let radius): from.rate(for: scores.values, radius: radius)
      }
    // Scores that tell no domain from another are no reason to move weights towards uniform either.
    return moved(from, along: caution.shrunk(scores), rate: rate, even: even)
  }

  /// The weights that the evidence is worth, and the largest logarithm of a ratio of two beside the prior's.
  ///
  /// With s steps' worth of evidence they are as far from the prior as s steps of the rule in one direction would lead:
  /// `kl s^2` nats, since a divergence grows with the square of the rate.
  private func anchored(at prior: Weights, _ scores: Scores) -> (Weights, spread: Double) {
    guard let finding = scores.finding else { return (prior, 0) }
    let guesses = finding.guesses(scores)
    let rate =
      switch step {
      case .eta(let eta): eta * scores.unit * finding.steps
      case .divergence(let radius): prior.rate(for: guesses, radius: radius * finding.steps * finding.steps)
      }
    return moved(prior, along: guesses, rate: rate, even: prior)
  }

  private func moved(
    _ from: Weights, along values: [Double], rate: Double, even: Weights
  ) -> (Weights, spread: Double) {
    let known = values.indices.filter { from.values[$0] > 0 }.map { values[$0] }
    let spread = min(rate * (known.max()! - known.min()!), .greatestFiniteMagnitude)
    return (
      spread == 0 ? from : from.exponentiated(by: values, rate: rate).mixed(with: even, share: floor), spread
    )
  }
}

extension UpdateRule: CustomStringConvertible {
  /// The rule in words, for the start of a run: which constant weighs what must not be guessed.
  public var description: String {
    let source =
      caution == .evidence
      ? "the starting weights" : recursion == .raw ? "the raw weights' own history" : "the sampled weights"
    let factor =
      switch step {
      case .eta(let eta): "times exp(\(eta) alignment)"
      case .divergence(let radius) where caution == .evidence:
        "moved along the best guesses of scores, to a divergence of \(radius) s^2 nats where scores of successive "
          + "updates agree by \(Finding.threshold) + s standard errors"
      case .divergence(let radius): "moved along the scores by a divergence of \(radius) nats"
      }
    let evenly = floor == 0 ? "" : ", \(floor) of them \(caution == .evidence ? "left at the start" : "spread evenly")"
    let average =
      newWeight == 1
      ? "sampled as they are"
      : "each update replaces \(newWeight) of the sampled weights by new ones"
    let errors =
      switch caution {
      case .none: ""
      case .hold: "; kept while scores differ within their errors"
      case .shrink: "; scores shrunk by their errors"
      case .evidence: ""
      }
    return "new weights = \(source) \(factor)\(evenly); \(average)\(errors)"
  }
}
