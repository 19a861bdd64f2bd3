import Kernels
import MPI
import Transformer

/// AdamW over this rank's shards of all parameters: 8 bytes a parameter, divided by the ranks.
public struct Optimizer: ~Copyable {
  /// Running means of the gradients, of own parts one after the other.
  package var firstMoments: Arena
  /// Running means of their squares, likewise.
  package var secondMoments: Arena
  /// The number of updates made.
  package var updates = 0
  /// What this rank owns.
  package let shards: Shards

  /// A range of one tensor that this rank owns.
  private struct Segment {
    let range: Range<Int>
    /// Where its moments start.
    let offset: Int
    let decays: Bool
  }

  /// From the arena's start to its end.
  private let segments: [Segment]
  /// The bit sums of each segment, as it was left.
  private var sums: [ArraySums]
  /// A segment that was not found as it had been left, and which of its arrays; nil if there is none.
  package private(set) var damage: (segment: Int, memory: String)?
  /// The first segment of each bucket in that order, and at the end their number.
  private let firstSegments: [Int]
  private let betas: (Float, Float)
  private let epsilon: Float
  private let weightDecay: Float

  /// Starts with zero moments for all parameters.
  public init(layout: ParameterLayout, betas: (Double, Double), epsilon: Double, weightDecay: Double) {
    self.init(
      layout: layout, shards: Shards(layout, ranks: 1, rank: 0), betas: betas, epsilon: epsilon,
      weightDecay: weightDecay)
  }

  /// Starts with zero moments for a rank's shards of the parameters.
  package init(
    layout: ParameterLayout, shards: Shards, betas: (Double, Double), epsilon: Double, weightDecay: Double
  ) {
    self.shards = shards
    self.betas = (Float(betas.0), Float(betas.1))
    self.epsilon = Float(epsilon)
    self.weightDecay = Float(weightDecay)
    firstMoments = Arena(count: shards.ownCount)
    secondMoments = Arena(count: shards.ownCount)
    let bucketSegments = zip(shards.own, shards.offsets).reversed().map { own, offset in
      Self.segments(of: own, in: layout).map {
        Segment(range: $0.range, offset: offset + $0.range.lowerBound - own.lowerBound, decays: $0.decays)
      }
    }
    segments = bucketSegments.flatMap(\.self)
    sums = [ArraySums](repeating: ArraySums(), count: segments.count)
    firstSegments = bucketSegments.reduce(into: [0]) { $0.append($0.last! + $1.count) }
  }

  /// The parts of tensors that a range of the arena touches, and whether they decay.
  static func segments(of range: Range<Int>, in layout: ParameterLayout) -> [(range: Range<Int>, decays: Bool)] {
    layout.tensors.map { ($0.range.clamped(to: range), $0.decays) }.filter { !$0.0.isEmpty }
  }

  /// Takes this rank's parameters and moments as they are for what an update has left: at a run's beginning.
  package mutating func acceptMemory(_ parameters: borrowing Parameters<Whole>) {
    for (index, segment) in segments.enumerated() {
      let (first, count) = (segment.range.lowerBound, segment.range.count)
      sums[index] = ArraySums(
        parameters: bitSum(parameters.row.columns(first, count: count)),
        firstMoments: bitSum(firstMoments.row.columns(segment.offset, count: count)),
        secondMoments: bitSum(secondMoments.row.columns(segment.offset, count: count)))
    }
  }

  /// Looks for a segment whose moments are not as they were left.
  package mutating func checkMoments() {
    for (index, segment) in segments.enumerated() {
      let columns = (segment.offset, segment.range.count)
      if bitSum(firstMoments.row.columns(columns.0, count: columns.1)) != sums[index].firstMoments
        || bitSum(secondMoments.row.columns(columns.0, count: columns.1)) != sums[index].secondMoments
      {
        damage = (index, "moments")
      }
    }
  }

  /// The bit sum of the parameters of one of this rank's segments, as they were left.
  func parameterSum(_ segment: Int) -> UInt32 { sums[segment].parameters }

  /// Divides a range of a gradient, in place, by what AdamW divides its updates by; the gradient as it is before the
  /// first update.
  ///
  /// - Parameter ownOffset: Where the range lies in an arena of own parts.
  /// - Returns: The inner product of the range before and after.
  package func applyPreconditioner(to gradient: Matrix, ownOffset: Int) -> Double {
    guard updates > 0 else { return sumOfSquares(gradient) }
    let step = AdamWStep(
      learningRate: 0, firstDecay: betas.0, secondDecay: betas.1, epsilon: epsilon, weightDecay: 0, gradientScale: 1,
      step: updates)
    return step.applyPreconditioner(
      to: gradient, secondMoments: secondMoments.row.columns(ownOffset, count: gradient.count))
  }

  /// Bytes that the moments take.
  package var stateBytes: Int { (firstMoments.count + secondMoments.count) * MemoryLayout<Float>.stride }

  /// Makes one update of this rank's shards of the parameters, alone; matrices decay, biases and LayerNorm parameters
  /// do not.
  ///
  /// - Parameter gradientScale: A factor on every gradient, from clipping.
  public mutating func update(
    _ parameters: borrowing Arena, with gradients: borrowing Gradients<Averaged>, learningRate: Double,
    gradientScale: Double
  ) {
    let step = nextStep(learningRate: learningRate, gradientScale: gradientScale)
    for place in shards.buckets.indices { update(place, parameters.row, gradients.row, step) }
  }

  /// The same; each bucket leaves for the other ranks as soon as it is updated, in the order in which a forward pass
  /// needs them.
  ///
  /// Collective: every rank calls.
  ///
  /// - Throws: `MPIError`.
  package mutating func update(
    _ parameters: consuming Parameters<Whole>, with gradients: borrowing Gradients<Averaged>, learningRate: Double,
    gradientScale: Double, over world: borrowing Communicator
  ) throws -> Parameters<Arriving> {
    let step = nextStep(learningRate: learningRate, gradientScale: gradientScale)
    let row = gradients.row
    return try parameters.updated(over: world) { place, parameters in update(place, parameters, row, step) }
  }

  /// Counts an update and returns its figures, without decay.
  private mutating func nextStep(learningRate: Double, gradientScale: Double) -> AdamWStep {
    updates += 1
    return AdamWStep(
      learningRate: Float(learningRate), firstDecay: betas.0, secondDecay: betas.1, epsilon: epsilon, weightDecay: 0,
      gradientScale: Float(gradientScale), step: updates)
  }

  /// Updates this rank's part of a bucket, by its place from the arena's start.
  private mutating func update(_ place: Int, _ parameters: Matrix, _ gradients: Matrix, _ step: AdamWStep) {
    var step = step
    for index in firstSegments[place]..<firstSegments[place + 1] {
      let segment = segments[index]
      let (first, count) = (segment.range.lowerBound, segment.range.count)
      step.weightDecay = segment.decays ? weightDecay : 0
      let seen = step.update(
        parameters: parameters.columns(first, count: count), gradients: gradients.columns(first, count: count),
        firstMoments: firstMoments.row.columns(segment.offset, count: count),
        secondMoments: secondMoments.row.columns(segment.offset, count: count))
      if seen.found != sums[index] {
        damage = (index, seen.found.parameters != sums[index].parameters ? "parameters" : "moments")
      }
      sums[index] = seen.left
    }
  }

  /// The factor that brings a gradient of norm `norm` down to `limit`; 1 if it is not longer, or there is no limit.
  public static func clippingFactor(norm: Double, limit: Double?) -> Double {
    // PyTorch's `clip_grad_norm_` divides by norm + 1e-6 as well.
    guard let limit else { return 1 }
    return min(1, limit / (norm + 1e-6))
  }
}
