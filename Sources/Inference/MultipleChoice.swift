import Failures
import MPI

/// Questions with answers to choose from, put to a model.
public struct MultipleChoice {
  private let questions: [Question]
  private let prompts: ChoicePrompts
  private let score: AnswerScore
  private let shots: Int

  /// Subjects that have fewer examples than were asked for.
  public var scarceSubjects: Int { prompts.scarce }

  /// Prepares questions.
  ///
  /// - Parameters:
  ///   - shots: Examples before each question.
  ///   - examples: What examples are taken from, by subject; nil: the other questions.
  /// - Throws: `Failure(.badData)` if a subject has no example.
  public init(_ questions: [Question], shots: Int, examples: [Question]?, score: AnswerScore) throws {
    self.questions = questions
    self.score = score
    self.shots = shots
    prompts = try ChoicePrompts(questions, shots: shots, examples: examples, score: score)
  }

  /// Has a model choose.
  ///
  /// Collective: every rank calls, with the same questions.
  ///
  /// - Throws: `Failure`: `.badData` if an answer is longer than the model's context, `.preempted` if a signal asks to
  ///   stop.
  public func run(
    on model: inout LikelihoodModel, over world: borrowing Communicator, progress: (_ share: Double) -> Void = { _ in }
  ) throws -> ChoiceResult {
    let start = ContinuousClock.now
    let requests = try world.agree { try encode(for: model) }
    let (values, cut) = try model.logLikelihoods(of: requests.flatMap { $0 }, over: world, progress: progress)
    var first = 0
    let answers = zip(questions, requests).map { question, requests in
      defer { first += requests.count }
      let likelihoods = Array(values[first..<first + requests.count])
      let scores = zip(likelihoods, requests.indices).map { likelihood, choice in
        likelihood / divisor(question, choice, tokens: requests[choice].continuation.count)
      }
      return ChoiceResult.Answer(
        subject: question.subject, answer: question.answer, predicted: scores.firstIndex(of: scores.max()!) ?? 0,
        log_likelihoods: likelihoods)
    }
    return ChoiceResult(
      answers, score: score, shots: shots, cut: cut, seconds: start.duration(to: .now) / .seconds(1))
  }

  /// A request for each answer of each question.
  private func encode(for model: borrowing LikelihoodModel) throws -> [[LikelihoodRequest]] {
    var requests: [[LikelihoodRequest]] = []
    for (place, question) in questions.enumerated() {
      let prompt = prompts.prompt(place)
      requests.append(try model.requests(prompt.context, prompt.continuations))
      guard let count = requests[place].map(\.continuation.count).first(where: { !(1...model.context).contains($0) })
      else { continue }
      throw Failure(
        .badData,
        "An answer of question \(place + 1), '\(question.text.prefix(60))', has \(count) tokens, where the model's "
          + "context has room for 1 to \(model.context).")
    }
    return requests
  }

  private func divisor(_ question: Question, _ choice: Int, tokens: Int) -> Double {
    switch score {
    case .letters, .sum: 1
    case .tokens: Double(tokens)
    case .characters: Double(max(1, question.choices[choice].unicodeScalars.count))
    }
  }
}
