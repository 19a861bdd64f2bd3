/// What was measured of some sequences: a row for each, in an order that does not depend on the number of ranks.
public struct Observations: Sendable {
  /// Where the sequences come from.
  public enum Source: Sendable {
    /// The batch that a step has just trained on.
    case training
    /// The batch that a step is about to train on.
    case comingBatch
    /// Text of their own, the same number of sequences of each domain, or of each distribution that the method has
    /// probed.
    case probes
  }

  /// The scores of all rows along one direction.
  public struct Scores: Sendable {
    /// The direction's inner product with a row's gradient, as a share of ``unit``, (rows).
    public var values: [Double]
    /// What a value of 1 is: the inner product of the target's own gradient with the direction; 1 if values are
    /// cosines.
    public var unit: Double
    /// The loss on the steering text that the direction is the gradient of, in nats per token.
    public var loss: Double
    /// The share of the direction's squared error that the directions of later measurements have in common with it,
    /// because the steering text has few windows; nil if they all read the same ones.
    public var recurrence: Double? = 0

    /// Makes the scores of some rows, all along one direction.
    public init(values: [Double], unit: Double = 1, loss: Double = 0) {
      self.values = values
      self.unit = unit
      self.loss = loss
    }
  }

  /// Where the sequences come from.
  public var source: Source
  /// The step that they were trained in, or come before.
  public var step: Int
  /// The learning rate of that step.
  public var learningRate: Double
  /// The domain of each row, (rows).
  public var domains: [Int]
  /// The mean loss of each row in nats per token, (rows); empty if not measured.
  public var losses: [Double]
  /// The reference model's loss of each row in nats per token, (rows); empty if not measured.
  public var referenceLosses: [Double]
  /// The mean over each row's tokens of max(0, loss - reference loss), (rows); empty if not measured.
  public var excessLosses: [Double]
  /// The scores along each direction, (directions); empty if not measured.
  public var scores: [Scores]
  /// The inner products of the directions with each other, (directions, directions); empty if not measured.
  public var gram: [[Double]]
  /// The norm of each domain's mean gradient, (domains), nil where there was none; empty if not measured.
  public var gradientNorms: [Double?]
  /// The norm of each direction, (directions); empty if not measured.
  public var directionNorms: [Double]
  /// The norm of the mean gradient of all rows; nil if not measured.
  public var batchNorm: Double?
  /// What rows that are means of several sequences are worth; nil if each row is a sequence, or it is not known.
  public var means: RowMeans?
  /// How many sequences each row is the mean of, so that rows tell nothing of a sequence's variance, (rows); empty if
  /// each row is a sequence.
  public var rowSizes: [Int]

  /// Makes rows of these domains, with nothing measured yet.
  public init(_ source: Source, step: Int, learningRate: Double = 0, domains: [Int]) {
    self.source = source
    self.step = step
    self.learningRate = learningRate
    self.domains = domains
    (losses, referenceLosses, excessLosses) = ([], [], [])
    (scores, gram, gradientNorms, directionNorms) = ([], [], [], [])
    rowSizes = []
  }
}
