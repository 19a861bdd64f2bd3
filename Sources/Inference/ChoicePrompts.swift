import Failures
import Foundation

/// What is scored of an answer.
public enum AnswerScore: String, CaseIterable, Sendable {
  /// The log-likelihood of its letter, after a question that lists all answers.
  case letters
  /// The log-likelihood of its text, after the question alone.
  case sum
  /// The same per token.
  case tokens
  /// The same per character, that is, per Unicode scalar of the answer.
  case characters
}

/// The texts that questions become, in the words of the Language Model Evaluation Harness: its tasks `mmlu` for letters
/// and `mmlu_continuation` for texts of answers.
package struct ChoicePrompts {
  /// A context and what may follow it, one for each answer.
  package struct Prompt: Equatable {
    package let context: String
    package let continuations: [String]

    package init(context: String, continuations: [String]) {
      (self.context, self.continuations) = (context, continuations)
    }
  }

  private let score: AnswerScore
  private let shots: Int
  private let questions: [Question]
  /// The questions that examples are taken from, by subject.
  private let examples: [String: [Question]]
  /// Subjects with fewer examples than were asked for.
  package let scarce: Int

  /// Prepares prompts with up to `shots` examples before each question.
  ///
  /// - Parameter examples: Where examples are taken from, the first of each subject; nil: from the questions, of which
  ///   none is its own example.
  /// - Throws: `Failure(.badData)` if there is no example for a subject.
  package init(_ questions: [Question], shots: Int, examples: [Question]?, score: AnswerScore) throws {
    self.score = score
    self.shots = shots
    self.questions = questions
    let own = examples == nil ? 1 : 0
    let pool = Dictionary(grouping: examples ?? questions, by: \.subject)
    self.examples = pool
    let counts = Set(questions.map(\.subject)).sorted().map { ($0, max(0, (pool[$0]?.count ?? 0) - own)) }
    if shots > 0, let (subject, _) = counts.first(where: { $0.1 == 0 }) {
      throw Failure(
        .badData,
        "There is no example of the subject \(subject): give more with --examples, or evaluate with --shots 0.")
    }
    scarce = counts.count { $0.1 < shots }
  }

  /// The prompt of a question.
  package func prompt(_ place: Int) -> Prompt {
    let question = questions[place]
    let subject = question.subject.replacing("_", with: " ")
    let kind = score == .letters ? "multiple choice questions" : "questions"
    var context = "The following are \(kind) (with answers) about \(subject).\n\n"
    for example in (examples[question.subject] ?? []).lazy.filter({ $0 != question }).prefix(shots) {
      context += asked(example) + continuation(example, example.answer) + "\n\n"
    }
    context += asked(question)
    return Prompt(context: context, continuations: question.choices.indices.map { continuation(question, $0) })
  }

  private func asked(_ question: Question) -> String {
    let text = question.text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard score == .letters else { return "Question: \(text)\nAnswer:" }
    let lines = question.choices.enumerated().map { "\(Question.letter($0)). \($1)\n" }
    return "\(text)\n\(lines.joined())Answer:"
  }

  private func continuation(_ question: Question, _ choice: Int) -> String {
    " " + (score == .letters ? Question.letter(choice) : question.choices[choice])
  }
}
