/// Computes `output = input * weight + bias`, plus `residual` where there is one: a linear layer with W (in, out) as
/// GPT-2 stores it.
///
/// Shapes: input (N, I), weight (I, O), bias (1, O), residual and output (N, O).
public func linearForward(
  _ input: Matrix, weight: Matrix, bias: Matrix, residual: Matrix? = nil, into output: Matrix
) {
  if let residual, residual.base == output.base {
    // The stream itself: the product is added to what is there.
    product(
      input, transposeA: false, by: weight, transposeB: false, into: output, adding: true, finish: AddBias(bias: bias))
  } else if let residual {
    product(
      input, transposeA: false, by: weight, transposeB: false, into: output, adding: false,
      finish: AddBiasAndResidual(bias: bias, residual: residual))
  } else {
    product(
      input, transposeA: false, by: weight, transposeB: false, into: output, adding: false,
      finish: AddBias(bias: bias))
  }
}

/// Computes `output = input * weight + bias` and `activated = GELU(output)`.
///
/// Shapes as in ``linearForward(_:weight:bias:residual:into:)``; activated (N, O).
public func linearActivatedForward(
  _ input: Matrix, weight: Matrix, bias: Matrix, into output: Matrix, activated: Matrix
) {
  product(
    input, transposeA: false, by: weight, transposeB: false, into: output, adding: false,
    finish: AddBiasAndActivate(bias: bias, activated: activated))
}

/// Adds a linear layer's weight and bias gradients, or overwrites them, and writes the gradient of its input; without
/// `weightGradient` it does the latter alone.
///
/// Shapes as in ``linearForward(_:weight:bias:residual:into:)``; dW = X' dY, db = column sums of dY, dX = dY W'.
public func linearBackward(
  outputGradient: Matrix, input: Matrix, weight: Matrix,
  weightGradient: Matrix?, biasGradient: Matrix?, inputGradient: Matrix, adding: Bool = true
) {
  linearParameterGradients(
    outputGradient: outputGradient, input: input, weightGradient: weightGradient, biasGradient: biasGradient,
    adding: adding)
  product(
    outputGradient, transposeA: false, by: weight, transposeB: true, into: inputGradient, adding: false, finish: Plain()
  )
}

/// As ``linearBackward(outputGradient:input:weight:weightGradient:biasGradient:inputGradient:adding:)`` for a layer
/// whose input is GELU of something that was kept: `activated` is computed anew, and `inputGradient` is that of GELU's
/// own input.
///
/// Shapes: expanded, activated (working memory) and inputGradient (N, I).
public func activatedLinearBackward(
  outputGradient: Matrix, expanded: Matrix, weight: Matrix,
  weightGradient: Matrix?, biasGradient: Matrix?, activated: Matrix, inputGradient: Matrix, adding: Bool = true
) {
  product(
    outputGradient, transposeA: false, by: weight, transposeB: true, into: inputGradient, adding: false,
    finish: ActivationGradient(input: expanded, activated: activated))
  linearParameterGradients(
    outputGradient: outputGradient, input: activated, weightGradient: weightGradient, biasGradient: biasGradient,
    adding: adding)
}

private func linearParameterGradients(
  outputGradient: Matrix, input: Matrix, weightGradient: Matrix?, biasGradient: Matrix?, adding: Bool
) {
  guard let weightGradient, let biasGradient else { return }
  if !adding { clear(biasGradient) }
  product(
    input, transposeA: true, by: outputGradient, transposeB: false, into: weightGradient, adding: adding,
    columnSums: biasGradient, finish: Plain())
}
