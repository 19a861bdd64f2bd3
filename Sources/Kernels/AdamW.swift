/// What one AdamW update needs besides its arrays (Loshchilov and Hutter, arXiv 1711.05101).
public struct AdamWStep: Sendable {
  /// The learning rate of this step.
  public var learningRate: Float
  /// The share of the old first moment that is kept, beta_1.
  public var firstDecay: Float
  /// The share of the old second moment that is kept, beta_2.
  public var secondDecay: Float
  /// The number added to the root of the second moment.
  public var epsilon: Float
  /// The decoupled weight decay, lambda: weights shrink by learningRate * lambda.
  public var weightDecay: Float
  /// A factor on every gradient, from clipping.
  public var gradientScale: Float
  /// The number of this update, from 1, for bias correction.
  public var step: Int

  /// Gathers the numbers of one update.
  public init(
    learningRate: Float, firstDecay: Float, secondDecay: Float, epsilon: Float, weightDecay: Float,
    gradientScale: Float, step: Int
  ) {
    self.learningRate = learningRate
    self.firstDecay = firstDecay
    self.secondDecay = secondDecay
    self.epsilon = epsilon
    self.weightDecay = weightDecay
    self.gradientScale = gradientScale
    self.step = step
  }

  /// Updates parameters and both moments in one pass over memory.
  ///
  /// m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, p = p (1 - lr lambda) - lr m' / (sqrt(v') + eps) with
  /// m' = m / (1 - b1^t) and v' = v / (1 - b2^t): the order of operations of PyTorch's `AdamW`. All views have one
  /// contiguous shape.
  ///
  /// - Returns: The bit sums of what was found and left.
  @discardableResult
  public func update(parameters: Matrix, gradients: Matrix, firstMoments: Matrix, secondMoments: Matrix) -> AdamWSums {
    let count = parameters.count
    precondition(gradients.count == count && firstMoments.count == count && secondMoments.count == count, "same shapes")
    precondition(
      parameters.isContiguous && gradients.isContiguous && firstMoments.isContiguous && secondMoments.isContiguous,
      "contiguous views")
    let stepSize = splat(Float(Double(learningRate) / (1 - power(firstDecay))))
    let root = splat(Float(1 / (1 - power(secondDecay)).squareRoot()))
    let shrink = splat(1 - learningRate * weightDecay)
    let (p, g, m, v) = (parameters.base, gradients.base, firstMoments.base, secondMoments.base)
    let (b1, b2, eps, clip) = (splat(firstDecay), splat(secondDecay), splat(epsilon), splat(gradientScale))
    let (c1, c2) = (splat(1 - firstDecay), splat(1 - secondDecay))
    let sums = sumOverThreads(count, values: 6) { start, part, sums in
      let (p, g, m, v) = (p + start, g + start, m + start, v + start)
      var (oldFirst, oldSecond, old) = (BitSum(), BitSum(), BitSum())
      var (newFirst, newSecond, new) = (BitSum(), BitSum(), BitSum())
      forEachVector(part) { i, n in
        let (formerFirst, formerSecond) = (load(m + i, n), load(v + i, n))
        oldFirst.add(formerFirst)
        oldSecond.add(formerSecond)
        let gradient = load(g + i, n) * clip
        let first = (formerFirst * b1).addingProduct(gradient, c1)
        let second = (formerSecond * b2).addingProduct(gradient * gradient, c2)
        store(first, m + i, n)
        store(second, v + i, n)
        newFirst.add(first, n)
        newSecond.add(second, n)
        let denominator = eps.addingProduct(second.squareRoot(), root)
        let former = load(p + i, n)
        old.add(former)
        let updated = (former * shrink) - stepSize * first / denominator
        store(updated, p + i, n)
        new.add(updated, n)
      }
      (sums[0], sums[1], sums[2]) = (old.total, oldFirst.total, oldSecond.total)
      (sums[3], sums[4], sums[5]) = (new.total, newFirst.total, newSecond.total)
    }
    return AdamWSums(
      found: ArraySums(parameters: sums[0], firstMoments: sums[1], secondMoments: sums[2]),
      left: ArraySums(parameters: sums[3], firstMoments: sums[4], secondMoments: sums[5]))
  }

  /// Divides gradients in place by what an update divides by, sqrt(v') + eps with v' = v / (1 - b2^t).
  ///
  /// - Returns: The inner product of the gradients before and after, summed in Float: meant for blocks of some thousand
  ///   elements.
  public func applyPreconditioner(to gradients: Matrix, secondMoments: Matrix) -> Double {
    precondition(gradients.count == secondMoments.count, "same shapes")
    precondition(gradients.isContiguous && secondMoments.isContiguous, "contiguous views")
    let root = splat(Float(1 / (1 - power(secondDecay)).squareRoot()))
    let (g, v, eps) = (gradients.base, secondMoments.base, splat(epsilon))
    var product = Lanes.zero
    forEachVector(gradients.count) { i, n in
      let gradient = load(g + i, n)
      // Gaps between tensors, and lanes past the end, must not become 0 / 0 where epsilon is zero.
      let scaled = (gradient / eps.addingProduct(load(v + i, n).squareRoot(), root))
        .replacing(with: Lanes.zero, where: gradient .== Lanes.zero)
      product = product.addingProduct(gradient, scaled)
      store(scaled, g + i, n)
    }
    return Double(product.sum())
  }

  /// decay^step in Double.
  private func power(_ decay: Float) -> Double {
    var result = 1.0
    var base = Double(decay)
    var exponent = step
    while exponent > 0 {
      if exponent & 1 == 1 { result *= base }
      base *= base
      exponent >>= 1
    }
    return result
  }
}

/// The bit sums of arrays that an update has found and left: memory that is whole has the same sum at the next update.
public struct AdamWSums: Equatable, Sendable {
  /// What was found, and what was left.
  public let found, left: ArraySums
}

/// The bit sums of the arrays that AdamW keeps.
public struct ArraySums: Equatable, Sendable {
  /// The sum of each array.
  public var parameters: UInt32 = 0, firstMoments: UInt32 = 0, secondMoments: UInt32 = 0

  /// Names the sums.
  public init(parameters: UInt32 = 0, firstMoments: UInt32 = 0, secondMoments: UInt32 = 0) {
    (self.parameters, self.firstMoments, self.secondMoments) = (parameters, firstMoments, secondMoments)
  }
}
