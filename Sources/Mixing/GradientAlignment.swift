/// The rule of Dynamic Gradient Alignment (Fan, Grangier, Ablin, arXiv 2410.02498) with smoothed weights.
///
/// With alignments `a_i = < gradient of domain i, gradient of the target >`, one update is
///
///     raw'     = from . exp(eta a) / sum,   then   raw' <- (1 - floor) raw' + floor / k
///     sampled' = (1 - newWeight) sampled + newWeight raw'
///
/// where `from` is `raw` or `sampled`, by `recursion`. A domain that agrees with the target gains: a training step
/// along `sum_i w_i g_i` lowers the target's loss by about the learning rate times `sum_i w_i a_i`.
public struct GradientAlignment: Sendable, Equatable {
  /// The choice of the weights that an update starts from.
  public enum Recursion: String, CaseIterable, Sendable {
    /// Raw weights keep their own history; the sampled weights are a smoothed copy that never feeds back.
    case raw
    /// The sampled weights feed back: each update starts from them.
    case smoothed
  }

  /// The step size: the factor between alignments and changes of log weights. Not scale free.
  public let eta: Double
  /// The weight of the new weights in the moving average, in `0...1`; 1 is no average, near 0 is almost frozen.
  public let newWeight: Double
  /// The weights that an update starts from.
  public let recursion: Recursion
  /// The part of the raw weights that is always spread evenly: no raw weight is below `floor / k`.
  public let floor: Double

  /// Creates the rule.
  ///
  /// - Precondition: `eta` is finite and not negative, `newWeight` in `0...1` and above 0, `floor` in `0...1`.
  public init(eta: Double, newWeight: Double = 1, recursion: Recursion = .raw, floor: Double = 0) {
    precondition(eta >= 0 && eta.isFinite, "eta is finite and not negative")
    precondition(newWeight > 0 && newWeight <= 1, "the weight of the new weights is above 0 and at most 1")
    precondition((0...1).contains(floor), "the floor is a share")
    self.eta = eta
    self.newWeight = newWeight
    self.recursion = recursion
    self.floor = floor
  }

  /// Computes the raw and sampled weights after one update with finite alignments.
  func moved(raw: Weights, sampled: Weights, alignment: [Double]) -> (raw: Weights, sampled: Weights) {
    let from = recursion == .raw ? raw : sampled
    let next = from.exponentiated(by: alignment, rate: eta)
      .mixed(with: .uniform(raw.count), share: floor)
    return (next, sampled.mixed(with: next, share: newWeight))
  }

  /// Computes `eta * (max a - min a)`, the largest change of the logarithm of a ratio of two weights.
  func spread(of alignment: [Double]) -> Double {
    min(eta * (alignment.max()! - alignment.min()!), .greatestFiniteMagnitude)
  }
}

extension GradientAlignment: CustomStringConvertible {
  /// The rule in words, for the start of a run: which constant weighs what must not be guessed.
  public var description: String {
    let source = recursion == .raw ? "the raw weights' own history" : "the sampled weights"
    let average =
      newWeight == 1
      ? "sampled as they are"
      : "each update replaces \(newWeight) of the sampled weights by new ones"
    let evenly = floor == 0 ? "" : ", \(floor) of them spread evenly"
    return "new weights = \(source) times exp(\(eta) alignment)\(evenly); \(average)"
  }
}
