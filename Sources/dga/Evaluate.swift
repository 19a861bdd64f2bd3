import ArgumentParser
import Corpus
import Failures
import Foundation
import Inference
import Kernels
import Liveness
import MPI
import Printing
import Training

/// Evaluates a checkpoint: on one rank, or on all of them where questions are answered or a text is read.
struct Evaluate: Stoppable {
  static let configuration = CommandConfiguration(
    abstract: "Show a checkpoint's losses, its accuracy on questions, or how well it predicts a text.",
    usage: """
      dga evaluate RUN [--corpus CORPUS] [--sequences N] [--json]
      dga evaluate RUN --after IDS
      mpirun -np N dga evaluate RUN --choices FILE|DIR [--shots 0...5] [--examples FILE|DIR] [--score SCORE] [--json]
      mpirun -np N dga evaluate RUN --text FILE [--json]
      """,
    discussion: """
      Questions are in MMLU's layout (comma-separated without titles: question, answers, letter) or JSON lines \
      ({"question": ..., "choices": [...], "answer": index or letter, "subject": ...}). Without --examples a \
      question's examples are the first others of its subject. docs/evaluation.md says what prompts and scores are.
      """)

  @Argument(help: "A checkpoint, or a run directory, whose latest checkpoint is taken.")
  var checkpoint: String

  @Option(help: "The corpus to evaluate on; without it that of the run.")
  var corpus: String?

  @Option(help: "Sequences of each domain and target at most. (default: 64)")
  var sequences: Int?

  @Option(help: "Instead: the log-probability of every token after these ids, such as 5,9,100.")
  var after: String?

  @Option(help: ArgumentHelp("Instead: the accuracy on multiple-choice questions.", valueName: "file-or-directory"))
  var choices: String?

  @Option(help: "Examples with answers before each question, from 0 to 5. (default: 0)")
  var shots: Int?

  @Option(help: ArgumentHelp("Where examples are, such as MMLU's dev files.", valueName: "file-or-directory"))
  var examples: String?

  @Option(
    help: """
      What decides: the log-likelihood of an answer's letter after all answers (letters), or of its text, as it is \
      (sum), per token (tokens) or per character (characters). (default: letters)
      """)
  var score: AnswerScore?

  @Option(help: ArgumentHelp("Instead: how well a text is predicted.", valueName: "file"))
  var text: String?

  @Option(help: "Threads that share the loops.")
  var threads = 1

  @Flag(help: "Print JSON instead of a table.")
  var json = false

  func validate() throws {
    let subjects = [("--corpus", corpus), ("--after", after), ("--choices", choices), ("--text", text)]
    let given = subjects.filter { $0.1 != nil }.map(\.0)
    if given.count > 1 { throw ValidationError("Give one of \(given.joined(separator: " and ")).") }
    if choices == nil, shots != nil || examples != nil || score != nil {
      throw ValidationError("--shots, --examples and --score go with --choices.")
    }
    if sequences != nil, let other = given.first(where: { $0 != "--corpus" }) {
      throw ValidationError("--sequences does not go with \(other).")
    }
    if let shots, !(0...5).contains(shots) { throw ValidationError("--shots is from 0 to 5.") }
    if examples != nil, (shots ?? 0) == 0 { throw ValidationError("--examples are of no use without --shots.") }
    if let sequences, sequences < 1 { throw ValidationError("--sequences starts at 1.") }
    if !(1...1024).contains(threads) { throw ValidationError("--threads is from 1 to 1024.") }
  }

  func run() throws {
    Threads.start(threads)
    if let choices {
      try shared { model, world, progress in try answer(choices, &model, world, progress) }
    } else if let text {
      try shared { model, world, progress in
        let result = try TextLikelihood(of: text, by: &model, over: world, progress: progress)
        return json ? try JSON.line.text(result) + "\n" : Self.table(result)
      }
    } else {
      try evaluateLosses()
    }
  }

  // MARK: Losses

  private func evaluateLosses() throws {
    var evaluation = try ModelEvaluation(at: checkpoint)
    if let after {
      let tokens = after.split(separator: ",").map { Int32($0.trimmingCharacters(in: .whitespaces)) }
      guard tokens.allSatisfy({ $0 != nil }) else { throw ValidationError("--after takes token ids, such as 5,9,100.") }
      let values = try evaluation.nextTokenLogProbabilities(after: tokens.compactMap { $0 })
      try Console.print(JSON.line.text(values))
    } else {
      let corpus = try Corpus(at: corpus ?? evaluation.corpusOfRun())
      let parts = try evaluation.losses(on: corpus, sequences: sequences ?? 64)
      try Console.print(json ? JSON.line.text(parts) + "\n" : Self.table(parts), terminator: "")
    }
  }

  // MARK: Questions and texts

  /// Runs a body on all ranks with the model, and prints what it returns once.
  private func shared(
    _ body: (inout LikelihoodModel, borrowing Communicator, (Double) -> Void) throws -> String
  ) throws {
    let patient = Watchdog.Policy.patient(remedy: "nothing was evaluated: give the command again")
    try Ranks.run(watchedBy: patient) { world, _ in
      var model = try LikelihoodModel(at: checkpoint, over: world)
      let line = MovingLine()
      defer { line.finish() }
      let isShown = world.rank == 0
      let result = try body(&model, world) { share in
        if isShown, line.isDue(isLast: false) { line.show("\(Int(100 * share)) % done") }
      }
      line.finish()
      try world.agree { if world.rank == 0 { try Console.print(result, terminator: "") } }
    }
  }

  private func answer(
    _ path: String, _ model: inout LikelihoodModel, _ world: borrowing Communicator, _ progress: (Double) -> Void
  ) throws -> String {
    let test = try world.agree {
      try MultipleChoice(
        QuestionFile.questions(at: path), shots: shots ?? 0, examples: examples.map(QuestionFile.questions(at:)),
        score: score ?? .letters)
    }
    if test.scarceSubjects > 0, world.rank == 0 {
      Console.note(
        "note: Fewer than \(shots ?? 0) examples are there for \(Words.count(test.scarceSubjects, "subject")); they "
          + "are all used.")
    }
    let result = try test.run(on: &model, over: world, progress: progress)
    return json ? try JSON.line.text(result) + "\n" : Self.table(result)
  }
}

extension AnswerScore: ExpressibleByArgument {}
