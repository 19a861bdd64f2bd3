/// What a model chose, and how often it was right.
public struct ChoiceResult: Encodable, Sendable {
  /// The share of questions with a right answer.
  public struct Accuracy: Encodable, Equatable, Sendable {
    /// The number of questions.
    public let n: Int
    /// The share that was answered rightly.
    public let accuracy: Double
    /// sqrt(p (1 - p) / (n - 1)) with p the share; nil for a single question.
    public let standard_error: Double?
    /// The share that guessing gets: the mean of 1 / choices.
    public let chance: Double

    /// Counts.
    init(_ answers: some Collection<Answer>) {
      n = answers.count
      accuracy = Double(answers.count { $0.predicted == $0.answer }) / Double(n)
      standard_error = n > 1 ? (accuracy * (1 - accuracy) / Double(n - 1)).squareRoot() : nil
      chance = answers.reduce(0) { $0 + 1 / Double($1.log_likelihoods.count) } / Double(n)
    }
  }

  /// What was chosen for one question.
  public struct Answer: Encodable, Equatable, Sendable {
    /// What the question is about.
    public let subject: String
    /// The places of the right answer and of the one with the highest score, from 0.
    public let answer, predicted: Int
    /// The logarithm of each answer's probability in nats, not divided by its length.
    public let log_likelihoods: [Double]
  }

  /// The accuracy on a subject.
  public struct Subject: Encodable, Sendable {
    /// The subject's name.
    public let subject: String
    /// The accuracy on it.
    public let accuracy: Accuracy

    /// Writes the accuracy's keys beside the name.
    public func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(subject, forKey: .subject)
      try accuracy.encode(to: encoder)
    }

    private enum Key: String, CodingKey { case subject }
  }

  /// Every subject, by name.
  public let subjects: [Subject]
  /// The accuracy on all questions, each counted alike.
  public let overall: Accuracy
  /// What was scored of an answer.
  public let score: String
  /// Examples before each question.
  public let shots: Int
  /// Prompts that were too long and have lost their beginning, counted once for each answer.
  public let cut_prompts: Int
  /// How long it took.
  public let seconds: Double
  /// Every question, in the order of the files.
  public let questions: [Answer]

  /// Works out accuracies.
  init(_ answers: [Answer], score: AnswerScore, shots: Int, cut: Int, seconds: Double) {
    questions = answers
    overall = Accuracy(answers)
    subjects = Dictionary(grouping: answers, by: \.subject).sorted { $0.key < $1.key }
      .map { Subject(subject: $0.key, accuracy: Accuracy($0.value)) }
    self.score = score.rawValue
    self.shots = shots
    cut_prompts = cut
    self.seconds = seconds
  }

  /// Writes the overall accuracy's keys beside the others.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(subjects, forKey: .subjects)
    try container.encode(score, forKey: .score)
    try container.encode(shots, forKey: .shots)
    try container.encode(cut_prompts, forKey: .cut_prompts)
    try container.encode(seconds, forKey: .seconds)
    try container.encode(questions, forKey: .questions)
    try overall.encode(to: encoder)
  }

  private enum Key: String, CodingKey { case subjects, score, shots, cut_prompts, seconds, questions }
}
