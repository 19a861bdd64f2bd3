/// Scores of all domains at one update: what a rule moves weights by.
public struct Scores: Sendable, Equatable {
  /// The score of every domain relative to the target's own, which is 1, (domains).
  public var values: [Double]
  /// Standard errors of the values, (domains); infinite where nothing is known. Nil if the estimator gives none.
  public var errors: [Double]?
  /// Standard errors of differences between values, of what lasts over several updates, (domains); nil if nobody
  /// compared these.
  public var lastingErrors: [Double]?
  /// By how much the squared error of every value as one of now has grown since it was measured, (domains); nil is not
  /// at all.
  public var aging: [Double]?
  /// The target's own alignment: values times this are alignments.
  public var unit: Double
  /// The best guesses of true scores, if not to be made of values and errors alone.
  public var guesses: Guesses?
  /// What comparing these scores with those of earlier updates has found; nil if nobody compared.
  public var finding: Finding?

  /// Guesses of true scores.
  public struct Guesses: Sendable, Equatable {
    /// Differences from the mean of all, (domains).
    public var means: [Double]
    /// How far off they are: standard deviations, (domains).
    public var deviations: [Double]
  }

  /// Creates scores.
  public init(values: [Double], errors: [Double]? = nil, aging: [Double]? = nil, unit: Double = 1) {
    self.values = values
    self.errors = errors
    self.aging = aging
    self.unit = unit
  }

  /// The alignment `a_i` of every domain, (domains).
  public var alignments: [Double] { values.map { $0 * unit } }
  /// Standard errors of the alignments, (domains).
  public var alignmentErrors: [Double]? { errors?.map { $0 * unit } }
}
