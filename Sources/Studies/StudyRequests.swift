import Configuration
import Corpus
import Failures
import Foundation
import Printing
import Runs
import Storage
import Training
import Transformer

/// What every run of a study is asked for, checked as far as its inputs are there.
struct StudyRequests {
  /// What a run is asked for.
  struct Request {
    /// The text that says so: the configuration of a training run, else the command; and what it builds on.
    let text: String
    /// The arguments of dga, but for the file with that text.
    let arguments: [String]
    /// The tokens that it trains on, and its floating-point operations; nil while that cannot be known.
    let tokens: Int?, operations: Double?
  }

  /// By the names of the runs.
  private(set) var requests: [String: Request] = [:]

  subscript(run: StudyPlan.Run) -> Request { requests[run.name]! }

  /// Works out all runs of a plan.
  ///
  /// - Throws: `Failure` that lists the runs which are not possible, with their reasons.
  init(_ plan: StudyPlan) throws {
    var corpora: [String: Corpus] = [:]
    var models: [String: ModelConfiguration] = [:]
    var faults: [(run: String, failure: Failure)] = []
    for run in plan.runs {
      do {
        requests[run.name] = try request(run, plan.description, &corpora, &models)
      } catch let failure as Failure {
        faults.append((run.name, failure))
      }
    }
    guard let first = faults.first else { return }
    // One mistake makes many runs impossible.
    var seen: [String: [String]] = [:]
    for (run, failure) in faults { seen[failure.message, default: []].append(run) }
    let lines = seen.sorted { $0.value[0] < $1.value[0] }.map { "\n  \(Words.list($0.value, most: 3)): \($0.key)" }
    throw Failure(first.failure.kind, "Nothing was started, since there are runs that are not possible:" + lines.joined())
  }

  private func request(
    _ run: StudyPlan.Run, _ study: StudyDescription, _ corpora: inout [String: Corpus],
    _ models: inout [String: ModelConfiguration]
  ) throws -> Request {
    let others = run.buildsOn.compactMap { name in
      // A change of what a run builds on is a change of the run.
      requests[name].map { "# builds on \(name), which is asked for \(checksum(of: $0.text))\n" }
    }.joined()
    switch run.stage.work {
    case .train:
      let overrides = run.settings.map(\.text) + ["run=\(run.directory)"]
      let description = try RunDescription(contentsOf: study.base, overrides: overrides)
      let price = try price(of: description, run, study, &corpora, &models)
      return Request(
        text: others + (try description.yaml()), arguments: [], tokens: price?.tokens, operations: price?.operations)
    case .cluster:
      let arguments = ["cluster", run.input, "-o", run.directory] + options(run)
      return Request(text: others + text(arguments), arguments: arguments, tokens: nil, operations: nil)
    case .evaluate:
      let arguments = ["evaluate", run.input, "--json"] + options(run)
      return Request(text: others + text(arguments), arguments: arguments, tokens: nil, operations: nil)
    }
  }

  private func options(_ run: StudyPlan.Run) -> [String] {
    run.settings.flatMap { setting -> [String] in
      let value = setting.value.hasPrefix("\"") ? String(setting.value.dropFirst().dropLast()) : setting.value
      return value == "true" ? ["--\(setting.key)"] : ["--\(setting.key)", value]
    }
  }

  private func text(_ arguments: [String]) -> String {
    "command: [" + arguments.map { "\"\($0)\"" }.joined(separator: ", ") + "]\n"
  }

  private func checksum(of text: String) -> String {
    Array(text.utf8).withUnsafeBytes { Checksum.digest(of: $0) }.description
  }

  /// The tokens and operations of a training run, checked as the run itself will be; nil if something that it builds
  /// on is not there yet.
  private func price(
    of wanted: RunDescription, _ run: StudyPlan.Run, _ study: StudyDescription, _ corpora: inout [String: Corpus],
    _ models: inout [String: ModelConfiguration]
  ) throws -> (tokens: Int, operations: Double)? {
    var description = wanted
    // A model that is not there yet has the shape of the run that will make it.
    if let initial = run.buildsOn.first(where: { wanted.initial?.hasSuffix("/runs/\($0)") ?? false }) {
      description.initial = nil
      if let model = models[initial], !description.model.isChosen { description.model.take(model) }
    }
    do {
      let corpus = try corpora[description.corpus] ?? Corpus(at: description.corpus)
      corpora[description.corpus] = corpus
      let plan = try RunPlan(description, corpus: corpus, ranks: study.ranks, report: { _ in })
      models[run.name] = plan.model
      let tokens = plan.steps * plan.tokensPerStep
      return (tokens, Double(tokens) * plan.model.trainingFlopsPerToken(length: plan.model.context))
    } catch let failure as Failure where failure.kind == .missingInput && !run.buildsOn.isEmpty {
      return nil
    }
  }
}
