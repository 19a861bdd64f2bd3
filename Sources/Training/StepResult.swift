/// A step in figures.
struct StepResult {
  let step: Int
  /// In nats per token.
  let loss: Double
  /// The learning rate, and the norm of the gradient.
  let rate, norm: Double
  var watch = Stopwatch()
  /// The share of the training time so far that scores and reference losses took.
  let overheadShare: Double

  init(step: Int, loss: Double, rate: Double, norm: Double, overheadShare: Double) {
    (self.step, self.loss, self.rate, self.norm, self.overheadShare) = (step, loss, rate, norm, overheadShare)
  }
}
