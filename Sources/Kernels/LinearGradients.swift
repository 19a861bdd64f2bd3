/// The two gradients of
/// ``linearBackward(outputGradient:input:weight:weightGradient:biasGradient:inputGradient:adding:)`` one by one, as the
/// backward pass computes them, for measurements.
public enum LinearGradients {
  /// Writes a linear layer's weight gradient X' dY and adds the column sums of dY to its bias gradient.
  ///
  /// Shapes: outputGradient (N, O), input (N, I), weightGradient (I, O), biasGradient (1, O).
  public static func weight(outputGradient: Matrix, input: Matrix, weightGradient: Matrix, biasGradient: Matrix) {
    product(
      input, transposeA: true, by: outputGradient, transposeB: false, into: weightGradient, adding: false,
      columnSums: biasGradient, finish: Plain())
  }

  /// Writes the gradient dY W' of a linear layer's input.
  ///
  /// Shapes: outputGradient (N, O), weight (I, O), inputGradient (N, I).
  public static func input(outputGradient: Matrix, weight: Matrix, inputGradient: Matrix) {
    product(
      outputGradient, transposeA: false, by: weight, transposeB: true, into: inputGradient, adding: false,
      finish: Plain())
  }
}
