import Failures
import Foundation
import Mixing
import Runs
import Settings
import Testing

/// A run as a value: made in code, written, and read.
struct RunDescriptionTests {
  @Test func `An empty configuration is the defaults`() throws {
    let run = try describe()
    #expect(run == described())
    #expect(run.duration == Quantity(1000, .steps) && run.tokensPerDomain == nil && run.reduction == .canonical)
    #expect(run.evaluation.every == nil && run.evaluation.sequences == 64 && run.checkpoint.keep == 2)
    #expect(run.optimizer.learningRate == 1e-3 && run.optimizer.clippingLimit == 1)
    #expect(run.mixture.method == "dga" && run.mixture.every == nil)
    #expect(run.optimizer.warmup == nil && run.checkpoint.every == Quantity(10, .minutes) && run.idleKeys.isEmpty)
    let shape = run.model.configuration(vocabularySize: 256)
    #expect(shape.layers == 4 && shape.heads == 4 && shape.width == 128 && shape.context == 128)
  }

  /// The same run in code and in YAML.
  struct Pair: Sendable, CustomTestStringConvertible {
    let yaml: String
    let change: @Sendable (inout RunDescription) -> Void
    var testDescription: String { yaml }

    init(_ yaml: String, _ change: @escaping @Sendable (inout RunDescription) -> Void) {
      self.yaml = yaml
      self.change = change
    }
  }

  static let pairs = [
    Pair("batch: {sequences: 8, micro: 2}") {
      $0.batch.sequences = 8; $0.batch.micro = 2
    },
    Pair("batch: {tokens: 4096}") { $0.batch.tokens = 4096 },
    Pair("model: {preset: micro, width: 96}") {
      $0.model.preset = .micro; $0.model.width = 96
    },
    Pair("model: {layers: 1, heads: 2, width: 8, context: 16, recompute: true}") {
      $0.model = ModelSettings(layers: 1, heads: 2, width: 8, context: 16)
      $0.model.recompute = true
    },
    Pair("optimizer: {schedule: wsd, clip: 0, betas: [0.5, 0.75]}") {
      $0.optimizer.schedule = .wsd
      $0.optimizer.clip = 0
      $0.optimizer.betas = [0.5, 0.75]
    },
    Pair("duration: 1.5epochs\ntokens_per_domain: 30000\nreduction: fast\nseed: 7\nthreads: 2") {
      $0.duration = Quantity(1.5, .epochs)
      ($0.tokensPerDomain, $0.reduction, $0.seed, $0.threads) = (30_000, .fast, 7, 2)
    },
    Pair("evaluation: {every: 20steps}\ncheckpoint: {every: 1e6tokens, keep: 1}") {
      $0.evaluation.every = Quantity(20, .steps)
      ($0.checkpoint.every, $0.checkpoint.keep) = (Quantity(1e6, .tokens), 1)
    },
    Pair("mixture: {smoothing: {memory: 0.9}, every: 20steps, prior: {a: 1}, repetitions: 4}") {
      $0.mixture.use(DynamicGradientAlignment.self) { $0.memory = 0.9 }
      $0.mixture.every = Quantity(20, .steps)
      $0.mixture.prior = .shares([Share("a", 1)])
      $0.mixture.repetitions = 4
    },
    Pair("mixture: {preset: paper}") { $0.mixture.steering = SteeringSettings(preset: .paper) },
    Pair("mixture: {preset: paper}") { $0.mixture.steering.preset = .paper },
    Pair("mixture: {estimator: gradients, smoothing: {memory: 0.5}}") {
      // Whichever comes first: what scores are good for follows the estimator.
      $0.mixture.use(DynamicGradientAlignment.self) { $0.memory = 0.5 }
      $0.mixture.steering.estimator = .gradients
    },
    Pair("mixture: {direction: {adaptive: true, targets: {git: 1, libc: 3}, log_loss: true}, reference: runs/x}") {
      $0.mixture.steering.direction.adaptive = true
      $0.mixture.steering.direction.targets = [Share("git", 1), Share("libc", 3)]
      $0.mixture.steering.direction.logLoss = true
      $0.mixture.reference = "runs/x"
    },
  ]

  @Test(arguments: pairs)
  func `A description in code is the one in YAML, and is written and read as the same`(pair: Pair) throws {
    var run = described()
    pair.change(&run)
    let other = try describe(pair.yaml)
    #expect(try run.yaml() == other.yaml())
    #expect(run == other && run != described())
    let text = try run.yaml()
    #expect(try read(text) == run)
    #expect(try read(text).yaml() == text)
  }

  @Test(arguments: mixingMethods.map { $0.name })
  func `Every method is chosen in code as in YAML`(name: String) throws {
    func use<Method: MixingMethod>(_ method: Method.Type, _ mixture: inout MixtureSettings) { mixture.use(method) }
    var run = described()
    let method = mixingMethods.first { $0.name == name }!
    use(method, &run.mixture)
    let other = try describe("mixture: {method: \(name)}")
    #expect(try run.yaml() == other.yaml())
    #expect(try read(run.yaml()) == run && run.mixture.method == name)
  }

  @Test func `Weights of domains are written and read in their order, whatever their names`() throws {
    let run = try describe("mixture: {method: fixed, weights: {z: 1, 'b: c': 2, 'yes': 0.5}}")
    #expect(try run.yaml().contains("  weights: {z: 1.0, 'b: c': 2.0, \"yes\": 0.5}\n"))
    #expect(try read(run.yaml()) == run)
  }

  @Test func `Everything is written, defaults included`() throws {
    let text = try described().yaml()
    for part in [
      "/runs/one\n", "model:\n  family: gpt2\n  preset: nano\n  layers: 4\n", "batch:\n  sequences: 32\n",
      "duration: 1000steps\n", "  betas: [0.9, 0.95]\n", "mixture:\n  method: dga\n", "  kl: 0.3\n",
      "  caution: evidence\n", "  smoothing:\n    new_weight: 0.5\n", "  every: 10minutes\n",
      "  repetitions: unlimited\n",
      "tokens_per_domain: unlimited\n", "reduction: canonical\n",
    ] {
      #expect(text.contains(part), "\(part) in\n\(text)")
    }
    for absent in ["eta:", "micro:", "prior:", "targets:", "reference:", "decay_share:"] {
      #expect(!text.contains(absent))
    }
  }

  @Test func `Paths are written from the root, so that they are read from any directory`() throws {
    let here = FileManager.default.currentDirectoryPath
    var run = described()
    run.mixture.use(ConstantMixture<FixedWeights>.self) { $0.file = "../other/mixture.json" }
    let parent = URL(fileURLWithPath: here).deletingLastPathComponent().path
    for part in ["run: \(here)/runs/one\n", "corpus: \(here)/texts\n", "file: \(parent)/other/mixture.json\n"] {
      #expect(try run.yaml().contains(part))
    }
    run = described()
    run.mixture.prior = .run("runs/other")
    run.mixture.reference = "/runs/third"
    #expect(try run.yaml().contains("prior: \(here)/runs/other\n"))
    #expect(try run.yaml().contains("reference: /runs/third\n"))
  }

  @Test func `Keys of the file that have no use with the choices made are noted`() throws {
    let file =
      "mixture: {method: uniform, kl: 0.3, smoothing: {memory: 0.5}}\noptimizer: {schedule: constant, decay_share: 0.3}"
    #expect(
      try describe(file).idleKeys.sorted() == ["mixture.kl", "mixture.smoothing.memory", "optimizer.decay_share"])
    #expect(try describe("optimizer: {schedule: wsd, decay_share: 0.3}").idleKeys.isEmpty)
    // What is written has no idle keys.
    #expect(try read(describe(file).yaml()).idleKeys.isEmpty)
    // A file with weights serves the command line's choice of a method, too.
    #expect(
      try describe("mixture: {weights: {a: 1}}", overrides: ["mixture.method=dga"]).idleKeys == ["mixture.weights"])
  }

  @Test(arguments: [(20, 2, 2), (50, 5, 5), (100, 10, 10), (1000, 100, 50), (1_000_000, 100, 50), (1, 0, 1)])
  func `Warm-up and updates fit a short run if nothing is said`(steps: Int, warmup: Int, interval: Int) {
    #expect(OptimizerSettings.defaultWarmup(steps: steps).count == warmup)
    var mixture = MixtureSettings()
    #expect(mixture.defaultInterval(steps: steps).count == interval)
    mixture.use(OnlineDataMixing.self)
    #expect(mixture.defaultInterval(steps: steps).count == 1)
  }

  @Test(arguments: [
    (["evaluation.every=null"], "evaluation: {every: 5steps}", ""),
    (["mixture.eta=2"], "mixture: {kl: 0.2}", "mixture: {eta: 2}"),
    (["mixture.preset=paper"], "mixture: {estimator: ghost, kl: 0.2, floor: 0.5}", "mixture: {preset: paper}"),
    (["mixture.preset=paper", "mixture.estimator=dots"], "", "mixture: {preset: paper, estimator: dots}"),
    (["mixture.estimator=gradients"], "mixture: {caution: hold}", "mixture: {estimator: gradients, caution: evidence}"),
    (["batch.tokens=4096"], "batch: {sequences: 8}", "batch: {tokens: 4096}"),
    (["batch.sequences=8"], "batch: {tokens: 4096}", "batch: {sequences: 8}"),
    (["model.preset=micro"], "model: {layers: 1, heads: 1, width: 8, context: 8}", "model: {preset: micro}"),
    (
      ["mixture.method=uniform"], "mixture: {kl: 0.3, smoothing: {memory: 0}, weights: {a: 1}}",
      "mixture: {method: uniform}"
    ),
  ])
  func `The command line takes the place of other ways to say the same`(
    overrides: [String], file: String, same: String
  ) throws {
    #expect(try describe(file, overrides: overrides) == describe(same))
  }

  @Test func `The paper's preset is the paper's rule`() throws {
    let run = try describe("mixture: {preset: paper}")
    #expect(run.mixture.steering.estimator == .gradients)
    let own = try #require(run.mixture.own as? DynamicGradientAlignment.Settings)
    #expect(own.rule == UpdateRule(eta: 0.3, newWeight: 0.1) && own.memory == 0)
  }
}
