/// sqrt(2 / pi), of the tanh form of GELU.
private let slope: Float = 0.797_884_560_8
private let cubic: Float = 0.044_715

/// Applies GELU in its tanh form (Hendrycks and Gimpel, arXiv 1606.08415): y = x / (1 + e^(-2u)) with
/// u = sqrt(2/pi) (x + 0.044715 x^3).
///
/// Shapes: input and output (N, O). tanh is written through the logistic function:
/// 0.5 (1 + tanh u) = 1 / (1 + e^(-2u)).
public func geluForward(_ input: Matrix, into output: Matrix) {
  precondition(input.rows == output.rows && input.columns == output.columns, "GELU keeps the shape")
  for row in 0..<input.rows {
    let source = input.base + row * input.stride
    let target = output.base + row * output.stride
    forEachVector(input.columns) { i, n in
      let x = load(source + i, n)
      store(x * gate(x), target + i, n)
    }
  }
}

/// Turns the gradient of GELU's output into that of its input, in place.
///
/// Shapes: gradient and input (N, O).
public func geluBackward(_ gradient: Matrix, input: Matrix) {
  precondition(input.rows == gradient.rows && input.columns == gradient.columns, "GELU keeps the shape")
  for row in 0..<input.rows {
    let source = input.base + row * input.stride
    let target = gradient.base + row * gradient.stride
    forEachVector(input.columns) { i, n in
      let x = load(source + i, n)
      let s = gate(x)
      store(load(target + i, n) * geluDerivative(x, gate: s, value: x * s), target + i, n)
    }
  }
}

/// 1 / (1 + e^(-2u)) with u = sqrt(2/pi) (x + 0.044715 x^3).
@inline(always)
func gate(_ x: Lanes) -> Lanes {
  let minusTwoU = (splat(-2 * slope) * x) * splat(1).addingProduct(splat(cubic), x * x)
  return splat(1) / (splat(1) + exponential(minusTwoU))
}

/// dy/dx = s + y (1 - s) 2 u' of GELU, with s the gate of x and y = x s its value.
@inline(always)
func geluDerivative(_ x: Lanes, gate s: Lanes, value y: Lanes) -> Lanes {
  let twiceSlope = splat(2 * slope).addingProduct(splat(6 * slope * cubic), x * x)
  return s.addingProduct(y * (splat(1) - s), twiceSlope)
}
