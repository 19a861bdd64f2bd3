import Kernels
import Transformer

/// AdamW over all parameters, its moments in two arenas of the parameters' layout.
public struct Optimizer: ~Copyable {
  /// Running means of the gradients.
  var firstMoments: Arena
  /// Running means of their squares.
  var secondMoments: Arena
  /// The number of updates made.
  public internal(set) var updates = 0

  private let layout: ParameterLayout
  private let betas: (Float, Float)
  private let epsilon: Float
  private let weightDecay: Float

  /// Starts with zero moments.
  public init(layout: ParameterLayout, betas: (Double, Double), epsilon: Double, weightDecay: Double) {
    self.layout = layout
    self.betas = (Float(betas.0), Float(betas.1))
    self.epsilon = Float(epsilon)
    self.weightDecay = Float(weightDecay)
    firstMoments = Arena(count: layout.arenaCount)
    secondMoments = Arena(count: layout.arenaCount)
  }

  /// Makes one update; matrices decay, biases and LayerNorm parameters do not.
  ///
  /// - Parameter gradientScale: A factor on every gradient, from clipping.
  public mutating func update(
    _ parameters: borrowing Arena, with gradients: borrowing Gradients<Averaged>, learningRate: Double,
    gradientScale: Double
  ) {
    updates += 1
    var step = AdamWStep(
      learningRate: Float(learningRate), firstDecay: betas.0, secondDecay: betas.1, epsilon: epsilon, weightDecay: 0,
      gradientScale: Float(gradientScale), step: updates)
    for tensor in layout.tensors {
      step.weightDecay = tensor.decays ? weightDecay : 0
      step.update(
        parameters: tensor.view(of: parameters), gradients: tensor.view(of: gradients.arena),
        firstMoments: tensor.view(of: firstMoments), secondMoments: tensor.view(of: secondMoments))
    }
  }

  /// The factor that brings a gradient of norm `norm` down to `limit`; 1 if it is not longer, or there is no limit.
  public static func clippingFactor(norm: Double, limit: Double?) -> Double {
    // PyTorch's `clip_grad_norm_` divides by norm + 1e-6 as well.
    guard let limit else { return 1 }
    return min(1, limit / (norm + 1e-6))
  }
}
