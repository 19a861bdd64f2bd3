import Foundation

// Legend: N rows (tokens), C width, V vocabulary, d width of a head; dY is the gradient of the loss by Y.

extension Reference {
  /// Computes Y = X W + b for X (N, in), W (in, out), b (out).
  static func linear(_ x: Tensor, _ weight: Tensor, _ bias: Tensor) -> Tensor {
    let (n, i, o) = (x.shape[0], weight.shape[0], weight.shape[1])
    var y = Tensor(zeros: n, o)
    for row in 0..<n {
      for out in 0..<o { y[row, out] = bias[out] }
      for k in 0..<i {
        for out in 0..<o { y[row, out] += x[row, k] * weight[k, out] }
      }
    }
    return y
  }

  /// Computes dX = dY W^T, dW = X^T dY and db = the sum of dY's rows.
  static func linearBackward(
    _ dy: Tensor, _ x: Tensor, _ weight: Tensor
  ) -> (dx: Tensor, dWeight: Tensor, dBias: Tensor) {
    let (n, i, o) = (x.shape[0], weight.shape[0], weight.shape[1])
    var dx = x.zeros
    var dWeight = weight.zeros
    var dBias = Tensor(zeros: o)
    for row in 0..<n {
      for out in 0..<o { dBias[out] += dy[row, out] }
      for k in 0..<i {
        var sum = 0.0
        for out in 0..<o {
          dWeight[k, out] += x[row, k] * dy[row, out]
          sum += dy[row, out] * weight[k, out]
        }
        dx[row, k] = sum
      }
    }
    return (dx, dWeight, dBias)
  }

  /// Computes the mean and 1 / sqrt(variance + 1e-5) of one row.
  private static func moments(_ x: Tensor, row: Int) -> (mean: Double, scale: Double) {
    let c = x.shape[1]
    var mean = 0.0
    for j in 0..<c { mean += x[row, j] }
    mean /= Double(c)
    var variance = 0.0
    for j in 0..<c { variance += (x[row, j] - mean) * (x[row, j] - mean) }
    variance /= Double(c)
    return (mean, 1 / (variance + 1e-5).squareRoot())
  }

  /// Computes y = gain (x - mean) / sqrt(variance + 1e-5) + bias, row by row of X (N, C).
  static func layerNorm(_ x: Tensor, _ gain: Tensor, _ bias: Tensor) -> Tensor {
    var y = x.zeros
    for row in 0..<x.shape[0] {
      let (mean, scale) = moments(x, row: row)
      for j in 0..<x.shape[1] { y[row, j] = gain[j] * (x[row, j] - mean) * scale + bias[j] }
    }
    return y
  }

  /// Computes dx = scale (dz - mean(dz) - z mean(z dz)), with z the normalised row and dz = gain dy, and the gradients
  /// of gain and bias: the sums over rows of z dy and of dy.
  static func layerNormBackward(
    _ dy: Tensor, _ x: Tensor, _ gain: Tensor
  ) -> (dx: Tensor, dGain: Tensor, dBias: Tensor) {
    let c = x.shape[1]
    var dx = x.zeros
    var dGain = gain.zeros
    var dBias = gain.zeros
    for row in 0..<x.shape[0] {
      let (mean, scale) = moments(x, row: row)
      var meanOfDz = 0.0
      var meanOfZDz = 0.0
      for j in 0..<c {
        let z = (x[row, j] - mean) * scale
        dGain[j] += dy[row, j] * z
        dBias[j] += dy[row, j]
        meanOfDz += gain[j] * dy[row, j] / Double(c)
        meanOfZDz += z * gain[j] * dy[row, j] / Double(c)
      }
      for j in 0..<c {
        let z = (x[row, j] - mean) * scale
        dx[row, j] = scale * (gain[j] * dy[row, j] - meanOfDz - z * meanOfZDz)
      }
    }
    return (dx, dGain, dBias)
  }

  /// Computes x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, GPT-2's "gelu_new", element by element.
  static func gelu(_ x: Tensor) -> Tensor {
    Tensor(
      x.shape,
      x.values.map { x in
        0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
      })
  }

  /// Computes dx = dy gelu'(x).
  static func geluBackward(_ dy: Tensor, _ x: Tensor) -> Tensor {
    let c = (2 / Double.pi).squareRoot()
    var dx = x.zeros
    for (i, x) in x.values.enumerated() {
      let t = tanh(c * (x + 0.044715 * x * x * x))
      dx[i] = dy[i] * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x))
    }
    return dx
  }

  /// Computes the embedding wte[token] + wpe[position] of every input token: (N, C).
  static func embedding(_ batch: Batch, _ wte: Tensor, _ wpe: Tensor) -> Tensor {
    let c = wte.shape[1]
    var x = Tensor(zeros: batch.inputs.count, c)
    for (row, token) in batch.inputs.enumerated() {
      for j in 0..<c { x[row, j] = wte[token, j] + wpe[row % batch.length, j] }
    }
    return x
  }

  /// Adds every row's gradient to those of its token and of its position.
  static func embeddingBackward(
    _ dx: Tensor, _ batch: Batch, _ wte: Tensor, _ wpe: Tensor
  ) -> (dWte: Tensor, dWpe: Tensor) {
    var dWte = wte.zeros
    var dWpe = wpe.zeros
    for (row, token) in batch.inputs.enumerated() {
      for j in 0..<dx.shape[1] {
        dWte[token, j] += dx[row, j]
        dWpe[row % batch.length, j] += dx[row, j]
      }
    }
    return (dWte, dWpe)
  }

  /// Computes logits = H wte^T: (N, C) to (N, V), the output layer that shares the token embedding.
  static func tiedHead(_ h: Tensor, _ wte: Tensor) -> Tensor {
    let (n, v, c) = (h.shape[0], wte.shape[0], wte.shape[1])
    var logits = Tensor(zeros: n, v)
    for row in 0..<n {
      for token in 0..<v {
        for j in 0..<c { logits[row, token] += h[row, j] * wte[token, j] }
      }
    }
    return logits
  }

  /// Computes dH = dLogits wte and dWte = dLogits^T H.
  static func tiedHeadBackward(_ dLogits: Tensor, _ h: Tensor, _ wte: Tensor) -> (dh: Tensor, dWte: Tensor) {
    let (n, v, c) = (h.shape[0], wte.shape[0], wte.shape[1])
    var dh = h.zeros
    var dWte = wte.zeros
    for row in 0..<n {
      for token in 0..<v {
        for j in 0..<c {
          dh[row, j] += dLogits[row, token] * wte[token, j]
          dWte[token, j] += dLogits[row, token] * h[row, j]
        }
      }
    }
    return (dh, dWte)
  }

  /// Computes the softmax of one row's first `count` entries.
  static func softmax(_ x: Tensor, row: Int, count: Int) -> [Double] {
    var largest = -Double.infinity
    for j in 0..<count { largest = max(largest, x[row, j]) }
    var p = [Double](repeating: 0, count: count)
    var sum = 0.0
    for j in 0..<count {
      p[j] = exp(x[row, j] - largest)
      sum += p[j]
    }
    for j in 0..<count { p[j] /= sum }
    return p
  }

  /// Computes -log softmax(logits)[target] of every row.
  static func crossEntropy(_ logits: Tensor, _ targets: [Int]) -> [Double] {
    targets.enumerated().map { row, target in -log(softmax(logits, row: row, count: logits.shape[1])[target]) }
  }

  /// Computes the gradient of the mean over all rows: (softmax - one-hot of the target) / N.
  static func crossEntropyBackward(_ logits: Tensor, _ targets: [Int]) -> Tensor {
    var d = logits.zeros
    for (row, target) in targets.enumerated() {
      let p = softmax(logits, row: row, count: logits.shape[1])
      for token in 0..<logits.shape[1] {
        d[row, token] = (p[token] - (token == target ? 1 : 0)) / Double(targets.count)
      }
    }
    return d
  }
}
