/// What a mixing method wants measured for a step, besides the losses of training, which every method gets.
public struct Measurements: OptionSet, Sendable {
  /// One bit for each thing to measure.
  public let rawValue: UInt8
  /// Makes a set of its bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// The weights are moved before the step.
  public static let weights = Measurements(rawValue: 1)
  /// Scores of sequences along the directions, measured since the weights were moved last.
  public static let scores = Measurements(rawValue: 2)
  /// Losses of a reference model, beside the present model's, on the step's own batch before it is trained on.
  public static let referenceLosses = Measurements(rawValue: 4)
}

/// What a method's weights decide.
public enum Weighting: String, CaseIterable, Sendable {
  /// Which domains are drawn.
  case draws
  /// How much a domain's loss counts in a step, as in the proxy runs of DoReMi and DoGE; domains are drawn by weights
  /// that stand still.
  case loss
}

/// The gradients that sequences are scored along.
public enum ScoreDirections: Sendable, Equatable {
  /// One: the gradient of all steering targets together, as `mixture.direction` describes it.
  case combined
  /// One for each steering target.
  case eachTarget
  /// One: the gradient of the mean loss over all domains.
  case generic
}
