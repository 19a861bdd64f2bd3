import Failures
import Foundation
import Runs
import Testing

/// What a configuration cannot say: one sentence with file, line and key.
struct RefusedDescriptionTests {
  /// The text begins in line 4 of the file.
  @Test(arguments: [
    ("optimiser: {clip: 1}", [":4: optimiser: This key is not known. Did you mean 'optimizer'?"]),
    ("mixture:\n  etaa: 1", [":5: mixture.etaa: This key is not known. Did you mean 'eta'?"]),
    ("mixture:\n  smoothing:\n    memry: 1", [":6: mixture.smoothing.memry", "Did you mean 'memory'?"]),
    ("mixture: {method: dgaa}", [":4: mixture.method: The value has to be one of 'dga', ", "not dgaa."]),
    ("mixture: {method: uniform, memry: 1}", [":4: mixture.memry: This key is not known."]),
    ("mixture: {kl: 0.1, eta: 1}", [":4: mixture.kl: `eta` and `kl` are two ways"]),
    ("mixture: {every: 0steps}", [":4: mixture.every: an update needs at least a step before it"]),
    ("mixture: {smoothing: {new_weight: 0}}", [":4: mixture.smoothing.new_weight: 0 would keep the weights for ever"]),
    (
      "mixture: {estimator: gradients, caution: shrink}",
      [":4: mixture.caution: 'shrink' needs standard errors, which the estimator 'gradients' does not give"]
    ),
    (
      "mixture: {direction: {cosine: true}}",
      [
        ":4: mixture.direction: `cosine` needs the norms", "the estimator 'inline' never forms",
        "'dots' or 'gradients'",
      ]
    ),
    (
      "mixture: {estimator: last-layer, direction: {cosine: true}}",
      [":4: mixture.direction: `cosine`", "the estimator 'last-layer' never forms"]
    ),
    ("mixture: {direction: {targets: {git: 0}}}", [":4: mixture.direction.targets: at least one weight"]),
    (
      "mixture: {direction: {adaptive: true, preconditioned: true, targets: {a: 1, b: 1}}}",
      [":4: mixture.direction.adaptive: ", "`preconditioned`"]
    ),
    ("mixture: {direction: {adaptive: true}}", [":4: mixture.direction.adaptive: name at least two `targets`"]),
    ("batch: {tokens: 512, sequences: 16}", [":4: batch.sequences: This key has no use next to"]),
    ("model: {heads: 3}", [":4: model.heads: 3 heads do not divide a width of 128"]),
    ("model: {layers: 2, heads: 2}", [":4: model.width: This key is required, but missing."]),
    (
      "model: {layers: 2, heads: 2, widht: 8, context: 8}",
      [":4: model.widht: This key is not known. Did you mean 'width', which is required?"]
    ),
    ("optimizer: {betas: [0.9]}", [":4: optimizer.betas: two numbers from 0 up to but not including 1"]),
    ("optimizer: {clip: much}", [":4: optimizer.clip: The value has to be a number from 0 to 1000000000, not much."]),
    ("seed: 9223372036854775808", [":4: seed: ", "from 0 to 9223372036854775807, not 9223372036854775808."]),
    ("batch: {sequences: 10000000000000000}", [":4: batch.sequences: ", "from 1 to 16777216"]),
    ("duration: 0steps", [":4: duration: a run has at least a step"]),
    ("evaluation: {every: 0steps}", [":4: evaluation.every: there is at least a step between"]),
    ("checkpoint: {every: 0minutes}", [":4: checkpoint.every: there is at least a step between"]),
    ("mixture: {weights: {a: 1}}", [":4: mixture.weights: the method 'dga' moves the weights", "`prior`", "'fixed'"]),
    ("mixture: {method: doge, file: runs/x}", [":4: mixture.file: the method 'doge' moves", "`prior`"]),
    ("duration: 5fortnights", [":4: duration: ", "such as 100steps or 100tokens or 100epochs", "5fortnights"]),
    ("seed: -1", [":4: seed: The value has to be a whole number from 0 to 9223372036854775807, not -1."]),
  ])
  func `A value that is not possible is refused with file, line and key`(text: String, fragments: [String]) {
    expectFailure(mentioning: fragments + [".yaml:"]) { _ = try describe(text) }
  }

  @Test func `A required key that is missing is named, and what it was misspelt as`() {
    expectFailure(mentioning: ["corpus: This key is required, but missing."]) { _ = try read("run: a\ntarget: b\n") }
    expectFailure(mentioning: [":2: corpsu: ", "Did you mean 'corpus', which is required?"]) {
      _ = try read("run: a\ncorpsu: b\ntarget: b\n")
    }
  }

  @Test func `A fault on the command line is told as one`() {
    expectFailure(mentioning: ["Command line, 'mixture.etaa=1': mixture.etaa", "Did you mean 'eta'?"]) {
      _ = try describe(overrides: ["mixture.etaa=1"])
    }
    expectFailure(mentioning: ["mixture.exponent", "another choice of `method`"]) {
      _ = try describe(overrides: ["mixture.exponent=0.5"])
    }
    expectFailure(mentioning: ["optimizer.decay_share", "another choice of `schedule`"]) {
      _ = try describe(overrides: ["optimizer.schedule=constant", "optimizer.decay_share=0.3"])
    }
    expectFailure(.usage, mentioning: ["'seed'", "key.path=value"]) { _ = try describe(overrides: ["seed"]) }
    expectFailure(.missingInput, mentioning: ["none.yaml"]) { _ = try RunDescription(contentsOf: "none.yaml") }
  }

  @Test func `What no configuration could give is refused when it is written, with the whole path`() {
    var run = described()
    run.model.heads = 3
    expectFailure(mentioning: ["model.heads: 3 heads do not divide a width of 128"]) { _ = try run.yaml() }
    run = described()
    run.mixture.steering.direction.adaptive = true
    expectFailure(mentioning: ["mixture.direction.adaptive: name at least two"]) { _ = try run.yaml() }
  }

  @Test func `A batch made in code is refused with the path of its key`() {
    var batch = BatchSettings()
    batch.sequences = 15
    expectFailure(mentioning: ["batch.sequences: 15 sequences", "2 ranks", "1, 3, 5, 15"]) {
      _ = try batch.divided(among: 2, length: 8)
    }
  }
}
