/// The constant under the square root, as in GPT-2.
private let epsilon: Float = 1e-5

/// Normalises each row to mean 0 and variance 1, then scales and shifts (Ba, Kiros, Hinton, arXiv 1607.06450).
///
/// Shapes: input and output (N, C), gain and bias (1, C), statistics (2, N): row 0 the means, row 1 the reciprocal
/// standard deviations, which backward needs.
public func layerNormForward(_ input: Matrix, gain: Matrix, bias: Matrix, statistics: Matrix, into output: Matrix) {
  precondition(input.rows == output.rows && input.columns == output.columns, "LayerNorm keeps the shape")
  precondition(statistics.rows == 2 && statistics.columns == input.rows, "two statistics a row")
  forEachThread(input.rows) { _, first, count in
    layerNormRows(first..<(first + count), input, gain: gain, bias: bias, statistics: statistics, into: output)
  }
}

private func layerNormRows(
  _ rows: Range<Int>, _ input: Matrix, gain: Matrix, bias: Matrix, statistics: Matrix, into output: Matrix
) {
  let width = input.columns
  let perElement = 1 / Float(width)
  for row in rows {
    let x = input.base + row * input.stride
    let y = output.base + row * output.stride
    var sum = Lanes.zero
    forEachVector(width) { i, n in sum += load(x + i, n) }
    let mean = sum.sum() * perElement
    var squares = Lanes.zero
    forEachVector(width) { i, n in
      // Lanes past the end must not count as (0 - mean)^2.
      let centred = n == laneCount ? load(x + i) - splat(mean) : load(x + i, n) - tail(mean, n)
      squares = squares.addingProduct(centred, centred)
    }
    let reciprocal = 1 / (squares.sum() * perElement + epsilon).squareRoot()
    statistics.base[row] = mean
    statistics.base[statistics.stride + row] = reciprocal
    let shift = splat(-mean * reciprocal)
    forEachVector(width) { i, n in
      let normal = shift.addingProduct(load(x + i, n), splat(reciprocal))
      store(load(bias.base + i, n).addingProduct(normal, load(gain.base + i, n)), y + i, n)
    }
  }
}

/// Adds LayerNorm's input gradient to `inputGradient` and its gain and bias gradients, where these are given, to
/// theirs.
///
/// With n = (x - mean) r and g = dy * gain: dx += r (g - mean(g) - n mean(g n)), dgain += sum dy n, dbias += sum dy.
/// Adding is what the residual stream wants: the branch's gradient joins the one that passed it by.
public func layerNormBackward(
  outputGradient: Matrix, input: Matrix, gain: Matrix, statistics: Matrix,
  gainGradient: Matrix?, biasGradient: Matrix?, addingTo inputGradient: Matrix
) {
  let parameters = gainGradient.flatMap { gain in biasGradient.map { (gain: gain, bias: $0) } }
  if Threads.count == 1 {
    return layerNormBackwardRows(
      0..<input.rows, outputGradient: outputGradient, input: input, gain: gain, statistics: statistics,
      parameters: parameters, addingTo: inputGradient)
  }
  // Threads share rows for the input's gradient, and columns for the sums over rows: the same additions in the same
  // order.
  forEachThread(input.rows) { _, first, count in
    layerNormBackwardRows(
      first..<(first + count), outputGradient: outputGradient, input: input, gain: gain, statistics: statistics,
      parameters: nil, addingTo: inputGradient)
  }
  guard let parameters else { return }
  forEachThread(input.columns, multipleOf: laneCount) { _, first, count in
    for row in 0..<input.rows {
      addParameterGradients(
        row, first..<(first + count), outputGradient: outputGradient, input: input, statistics: statistics,
        gainGradient: parameters.gain, biasGradient: parameters.bias)
    }
  }
}

/// Adds the input gradient of some rows, and those of gain and bias where these are given.
private func layerNormBackwardRows(
  _ rows: Range<Int>, outputGradient: Matrix, input: Matrix, gain: Matrix, statistics: Matrix,
  parameters: (gain: Matrix, bias: Matrix)?, addingTo inputGradient: Matrix
) {
  let width = input.columns
  let perElement = 1 / Float(width)
  for row in rows {
    let x = input.base + row * input.stride
    let dy = outputGradient.base + row * outputGradient.stride
    let dx = inputGradient.base + row * inputGradient.stride
    let reciprocal = splat(statistics.base[statistics.stride + row])
    let shift = splat(-statistics.base[row]) * reciprocal
    if let parameters {
      addParameterGradients(
        row, 0..<width, outputGradient: outputGradient, input: input, statistics: statistics,
        gainGradient: parameters.gain, biasGradient: parameters.bias)
    }
    var sum = Lanes.zero
    var product = Lanes.zero
    forEachVector(width) { i, n in
      let scaled = load(dy + i, n) * load(gain.base + i, n)
      sum += scaled
      product = product.addingProduct(scaled, shift.addingProduct(load(x + i, n), reciprocal))
    }
    let meanSum = splat(sum.sum() * perElement)
    let meanProduct = splat(product.sum() * perElement)
    forEachVector(width) { i, n in
      let normal = shift.addingProduct(load(x + i, n), reciprocal)
      let centred = load(dy + i, n) * load(gain.base + i, n) - meanSum - normal * meanProduct
      store(load(dx + i, n).addingProduct(reciprocal, centred), dx + i, n)
    }
  }
}

/// Adds one row's share of some columns of the gradients of gain and bias.
@inline(always)
private func addParameterGradients(
  _ row: Int, _ columns: Range<Int>, outputGradient: Matrix, input: Matrix, statistics: Matrix,
  gainGradient: Matrix, biasGradient: Matrix
) {
  let x = input.base + row * input.stride + columns.lowerBound
  let dy = outputGradient.base + row * outputGradient.stride + columns.lowerBound
  let (dGain, dBias) = (gainGradient.base + columns.lowerBound, biasGradient.base + columns.lowerBound)
  let reciprocal = splat(statistics.base[statistics.stride + row])
  let shift = splat(-statistics.base[row]) * reciprocal
  forEachVector(columns.count) { i, n in
    let incoming = load(dy + i, n)
    let normal = shift.addingProduct(load(x + i, n), reciprocal)
    store(load(dGain + i, n).addingProduct(incoming, normal), dGain + i, n)
    store(load(dBias + i, n) + incoming, dBias + i, n)
  }
}

/// `value` in the first `lanes` lanes, zero in the others.
@inline(always)
private func tail(_ value: Float, _ lanes: Int) -> Lanes {
  var result = Lanes.zero
  for lane in 0..<lanes { result[lane] = value }
  return result
}
