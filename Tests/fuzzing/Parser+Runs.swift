import Checkpoints
import Failures
import Foundation
import Mixing
import Runs
import Settings
import Storage
import Transformer

@testable import Reporting
@testable import Training

extension Parser {
  /// Files of runs: states of checkpoints and metrics.
  static let runs = [
    Parser(name: "state") { input in
      let directory = Scratch.directory("step-00000004")
      _ = try Scratch.write(input, to: "\(directory)/state.json")
      let parameters = "\(directory)/\(TensorFiles.parametersFile)"
      if !FileManager.default.fileExists(atPath: parameters) {
        _ = try Scratch.write([], to: parameters)
        // It takes no room; the model of a state has to fit its size.
        truncate(parameters, 1 << 20)
      }
      let state = try RunState.read(from: directory)
      _ = ParameterLayout(state.modelConfiguration).elementCount
      _ = TrainingRecord(of: directory, state)
      _ = state.tokens
    },
    Parser(name: "method") { input in
      guard let choice = input.first else { return }
      let directory = Scratch.directory("method")
      _ = try Scratch.write(input.dropFirst(), to: "\(directory)/\(MethodFile.name)")
      var mixture = try mixture(methods[Int(choice) % methods.count])
      try MethodFile.read(&mixture, from: directory)
      var observations = Observations(.probes, step: 1, learningRate: 0.01, domains: [0, 1, 2, 0, 1, 2])
      (observations.losses, observations.referenceLosses) = ([1, 2, 3, 2, 1, 2], [1, 1, 1, 2, 1, 2])
      observations.excessLosses = [0, 1, 2, 0, 0, 0]
      observations.scores = [Observations.Scores(values: [0.1, 0.2, -0.1, 0.3, 0, 0.1])]
      (observations.gram, observations.gradientNorms, observations.directionNorms) = ([[1]], [1, 2, nil], [1])
      for step in 1...3 {
        mixture.observe(observations)
        _ = mixture.move(after: step)
      }
    },
    Parser(name: "metrics") { input in
      let directory = Scratch.directory("run")
      let configuration = "run: run\ntarget: t\nseed: 1\nmixture: {method: dga}\n"
      _ = try Scratch.write(configuration.utf8, to: "\(directory)/config.yaml")
      _ = try Scratch.write(input, to: "\(directory)/metrics.jsonl")
      let record = try RunRecord(at: directory)
      _ = RunComparison([record]).text
      _ = (LossFigure([record]).figure, WeightFigure([record])?.figure, ScoreFigure([record])?.figure)
      _ = DomainFigure([record])?.figure
    },
    Parser(name: "checkpoint") { input in
      let directory = Scratch.directory("checkpoint")
      _ = try Scratch.write(input, to: "\(directory)/manifest.json")
      _ = DirectoryMarker(.checkpoint, of: directory)?.files.sorted()
      try CheckpointManifest.verify(directory)
    },
  ]

  private static let methods = ["dga", "doge", "doremi", "odm", "ado"]

  private static func mixture(_ method: String) throws -> Mixture {
    var run = RunDescription(run: "r", corpus: "c", target: "t")
    switch method {
    case "doge": run.mixture.use(DoGE.self)
    case "doremi": run.mixture.use(DoReMi.self)
    case "odm": run.mixture.use(OnlineDataMixing.self)
    case "ado": run.mixture.use(AdaptiveDataOptimization.self)
    default: break
    }
    var facts = RunFacts(domains: ["a", "b", "c"], tokens: [1000, 2000, 500])
    facts.targets = [Share("t", 1)]
    return Mixture(try run.mixture.makeMethod(for: facts))
  }
}
