import Kernels

/// The factor of every token's loss in what a backward pass differentiates.
public struct LossScale {
  private let common: Float
  private let factors: Matrix?

  /// The same factor for all tokens.
  public init(_ common: Float) {
    self.common = common
    factors = nil
  }

  /// A factor for all tokens, times one for those of each sequence.
  ///
  /// - Parameter factors: One row, (sequences of the micro-batch).
  public init(_ common: Float, times factors: Matrix) {
    self.common = common
    self.factors = factors
  }

  /// The factor of a sequence's tokens.
  public func factor(ofSequence index: Int) -> Float { factors.map { common * $0[0, index] } ?? common }

  /// Writes the factor of every token (1, N).
  func fill(_ scales: Matrix, length: Int) {
    for row in 0..<scales.columns { scales[0, row] = factor(ofSequence: row / length) }
  }
}
