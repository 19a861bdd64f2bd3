/// One move of the weights.
public struct Move: Sendable {
  /// The weights from now on, before caps.
  public var weights: Weights
  /// What domains are drawn with, if that differs: each sequence's loss then counts its domain's weight divided by
  /// this.
  public var draws: Weights?
  /// The weights before smoothing; nil if nothing is smoothed.
  public var raw: Weights?
  /// The largest change of the logarithm of a ratio of two raw weights.
  public var spread = 0.0
  /// The first domain whose measurement was not finite, so that it was left out, or the weights were kept.
  public var refused: Int?
  /// What is known of the domains' scores.
  public var scores: Scores?
  /// Moves since each domain was measured last, (domains); -1 is never.
  public var ages: [Int] = []
  /// The weights of the steering targets, if the method moves them.
  public var targetWeights: [Double]?
  /// The coefficients of the distributions that the weights are a mixture of, if the method moves these.
  public var coefficients: Coefficients?

  /// Coefficients of distributions over domains.
  public struct Coefficients: Sendable {
    /// The names of the distributions, and the coefficients from now on, (distributions).
    public var names: [String], weights: Weights
    /// What is known of the distributions' scores.
    public var scores: Scores?
    /// How many independent sequences each distribution's score was measured with since the last move, (distributions).
    public var effectiveSampleSizes: [Double]
  }

  /// What comparing scores has found, if the method does.
  public var finding: Finding? { scores?.finding ?? coefficients?.scores?.finding }

  /// Makes a move to some weights.
  public init(weights: Weights, raw: Weights? = nil) {
    self.weights = weights
    self.raw = raw
  }
}
