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
    /// The arguments of dga; none for a training run, which reads the text.
    let arguments: [String]
    /// The tokens that it trains on, and its floating-point operations; nil while that cannot be known.
    let price: Price?
  }

  /// What a training run costs.
  struct Price {
    let tokens: Int, operations: Double
  }

  private let plan: StudyPlan
  private let parse: ([String]) throws -> Void
  private var requests: [String: Request] = [:]
  /// Corpora that have been opened, and models that runs will have, so that both are worked out once.
  private var corpora: [String: Corpus] = [:]
  private var models: [String: ModelConfiguration] = [:]

  subscript(run: StudyPlan.Run) -> Request { requests[run.name]! }

  /// Works out all runs of a plan.
  ///
  /// - Parameter parse: Checks the arguments of a command.
  /// - Throws: `Failure` that lists the runs which are not possible, with their reasons.
  init(_ plan: StudyPlan, parse: @escaping ([String]) throws -> Void) throws {
    (self.plan, self.parse) = (plan, parse)
    // One mistake makes many runs impossible.
    var faults: [(failure: Failure, runs: [String])] = []
    for run in plan.runs {
      do {
        requests[run.name] = try request(run)
      } catch let failure as Failure {
        if let known = faults.firstIndex(where: { $0.failure.message == failure.message }) {
          faults[known].runs.append(run.name)
        } else {
          faults.append((failure, [run.name]))
        }
      }
    }
    guard let first = faults.first else { return }
    let lines = faults.map { "\n  \(Words.list($0.runs, most: 3)): \($0.failure.message)" }
    throw Failure(
      first.failure.kind, "Nothing was started, since there are runs that are not possible:" + lines.joined())
  }

  private mutating func request(_ run: StudyPlan.Run) throws -> Request {
    switch run.stage.work {
    case .train: return try training(run)
    case .cluster: return try command(run, ["cluster", run.input, "-o", run.directory])
    case .evaluate: return try command(run, ["evaluate", run.input, "--json"])
    }
  }

  /// What a run uses of others, and the identity of its corpus: a change of one is a change of the run.
  private func uses(_ run: StudyPlan.Run, _ corpus: Corpus?) -> String {
    let others = run.buildsOn.compactMap { name in
      requests[name].map { "# builds on \(name): \(Self.checksum(of: $0.text))\n" }
    }
    return others.joined() + (corpus?.identity.map { "# corpus: \($0)\n" } ?? "")
  }

  private static func checksum(of text: String) -> String {
    Array(text.utf8).withUnsafeBytes { Checksum.digest(of: $0) }.description
  }

  // MARK: Commands

  private func command(_ run: StudyPlan.Run, _ words: [String]) throws -> Request {
    guard isPlanned(run.input) || FileManager.default.fileExists(atPath: run.input) else {
      throw Failure(.missingInput, "\(run.stage.place): There is neither a stage nor a file '\(run.input)'.")
    }
    let arguments =
      words
      + run.settings.flatMap { setting -> [String] in
        switch setting.word ?? setting.value {
        case "true": ["--\(setting.key)"]
        case "false": []
        case let value: ["--\(setting.key)", value]
        }
      }
    try parse(arguments)
    let text = "command: " + (try JSON.line.text(arguments)) + "\n"
    return Request(text: uses(run, nil) + text, arguments: arguments, price: nil)
  }

  /// Whether the study makes a directory.
  private func isPlanned(_ path: String) -> Bool { plan.runs.contains { $0.directory == path } }

  // MARK: Training

  private mutating func training(_ run: StudyPlan.Run) throws -> Request {
    let overrides = run.settings.map(\.text) + ["run=\(run.directory)"]
    let description = try RunDescription(contentsOf: plan.description.base, overrides: overrides)
    let corpus = try corpus(description.corpus)
    let price = try corpus.flatMap { try self.price(of: description, run, on: $0) }
    let isOther = !isPlanned(description.corpus)
    return Request(
      text: uses(run, isOther ? corpus : nil) + (try description.yaml()), arguments: [], price: price)
  }

  /// The corpus at a path; nil if the study is yet to make it.
  private mutating func corpus(_ path: String) throws -> Corpus? {
    if let known = corpora[path] { return known }
    if isPlanned(path), !FileManager.default.fileExists(atPath: "\(path)/manifest.json") { return nil }
    let corpus = try Corpus(at: path)
    corpora[path] = corpus
    return corpus
  }

  /// The price of a training run, which is checked as the run itself will be; nil if something that it builds on is not
  /// there yet.
  private mutating func price(
    of wanted: RunDescription, _ run: StudyPlan.Run, on corpus: Corpus
  ) throws -> Price? {
    var description = wanted
    // A model that is not there yet has the shape of the run that will make it.
    if let initial = plan.runs.first(where: { $0.directory == wanted.initial }) {
      description.initial = nil
      if let model = models[initial.name], !description.model.isChosen { description.model.take(model) }
    }
    do {
      let plan = try RunPlan(description, corpus: corpus, ranks: plan.description.ranks, report: { _ in })
      models[run.name] = plan.model
      let tokens = plan.steps * plan.tokensPerStep
      return Price(
        tokens: tokens, operations: Double(tokens) * plan.model.trainingFlopsPerToken(length: plan.model.context))
    } catch let failure as Failure where failure.kind == .missingInput && !run.buildsOn.isEmpty {
      return nil
    }
  }
}
