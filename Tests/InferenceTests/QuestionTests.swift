import Failures
import Foundation
import Inference
import Testing

/// Files of questions, and the prompts that questions become.
struct QuestionTests {
  // MARK: Comma-separated values

  private func records(_ text: String) throws -> [CSVReader.Record] {
    var reader = CSVReader(Array(text.utf8))
    var records: [CSVReader.Record] = []
    while let record = try reader.next() { records.append(record) }
    return records
  }

  @Test func `Fields may be empty, quoted, and hold commas, quotes and line ends`() throws {
    let found = try records("a,b,,\"c, d\"\r\n\n\"say \"\"hi\"\"\",\"two\nlines\",\"\",é\n\"last\"")
    #expect(found.map(\.fields) == [["a", "b", "", "c, d"], ["say \"hi\"", "two\nlines", "", "é"], ["last"]])
    #expect(found.map(\.line) == [1, 3, 5])
    #expect(try records("").isEmpty && records("\n\r\n").isEmpty)
    #expect(try records("a,\n,b").map(\.fields) == [["a", ""], ["", "b"]])
  }

  @Test(arguments: [("a,b\nc,\"d", 2, "none at its end"), ("x\n\"a\nb\"c", 3, "follows"), ("a\"b", 1, "doubled")])
  func `What is not comma-separated is named with its line`(_ text: String, _ line: Int, _ problem: String) throws {
    let fault = try #require(throws: CSVReader.Fault.self) { try records(text) }
    #expect(fault.line == line && fault.problem.contains(problem))
  }

  // MARK: Files

  /// Writes files into a directory and reads questions from a path in it.
  private func read(_ files: [String: String], _ path: String = "") throws -> [Question] {
    let directory = NSTemporaryDirectory() + "questions-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    for (name, text) in files { try Data(text.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)")) }
    do {
      return try QuestionFile.questions(at: directory + path)
    } catch let failure as Failure {
      throw Failure(failure.kind, failure.message.replacing(directory + "/", with: ""))
    }
  }

  @Test func `A directory has the questions of all its files, each with the subject of its file`() throws {
    let found = try read([
      "high_school_biology_dev.csv": "\"Which, of these?\",one,two,three,\"f\"\"our\"\"\",C\nx,a,b,c,d,A\n",
      "zoology.jsonl": """
      {"question": "Legs?", "choices": ["2", "4"], "answer": 1}

      {"question": "Eyes?", "choices": ["1", "2", "3"], "answer": "B", "subject": "anatomy"}
      """,
      "notes.txt": "no questions",
    ])
    #expect(
      found == [
        Question(
          "Which, of these?", choices: ["one", "two", "three", "f\"our\""], answer: 2, subject: "high_school_biology"),
        Question("x", choices: ["a", "b", "c", "d"], answer: 0, subject: "high_school_biology"),
        Question("Legs?", choices: ["2", "4"], answer: 1, subject: "zoology"),
        Question("Eyes?", choices: ["1", "2", "3"], answer: 1, subject: "anatomy"),
      ])
    #expect(
      try read(["a.txt": "{\"question\": \"q\", \"choices\": [\"a\", \"b\"], \"answer\": \"A\"}"], "/a.txt").count == 1)
    #expect(try read(["a.txt": "q,a,b,B"], "/a.txt") == [Question("q", choices: ["a", "b"], answer: 1, subject: "a")])
  }

  static let mistakes = [
    ("a.csv", "q,a,b,c,d,A\nq,a,b,c,A\n", "a.csv:2: There are 5 fields, where the file's first record has 6."),
    (
      "a.csv", "q,a,b,c,d,E",
      "a.csv:1: The last field is 'E', where the letter of the right answer is expected, from A to D."
    ),
    ("a.csv", "q,a,A", "a.csv:1: There are 3 fields"),
    ("a.csv", "q,\"a", "a.csv:1: A field begins with a quote and has none at its end."),
    ("a.csv", "", "a.csv holds no questions"),
    ("a.jsonl", "{\"question\": \"q\", \"choices\": [\"a\"], \"answer\": 0}", "a.jsonl:1: There are 1 choices"),
    (
      "a.jsonl", "\n{\"question\": \"q\", \"choices\": [\"a\", \"b\"], \"answer\": 2}",
      "a.jsonl:2: The answer has to be"
    ),
    ("a.jsonl", "{\"question\": \"q\", \"answer\": 2}", "a.jsonl:1: The key 'choices' is missing"),
    (
      "a.jsonl", "{\"question\": 1, \"choices\": [], \"answer\": 2}",
      "a.jsonl:1: The value of question has the wrong type."
    ),
    ("a.jsonl", "q,a,b", "a.jsonl:1: This is not well-formed JSON."),
  ]

  @Test(arguments: mistakes)
  func `A mistake is named with file and line`(_ name: String, _ text: String, _ message: String) throws {
    let failure = try #require(throws: Failure.self) { try read([name: text]) }
    #expect(failure.kind == .badData && failure.message.hasPrefix(message), "\(failure.message)")
  }

  @Test func `Without questions there is nothing to read`() throws {
    #expect(try #require(throws: Failure.self) { try read([:]) }.kind == .missingInput)
    #expect(try #require(throws: Failure.self) { try read([:], "/none") }.kind == .missingInput)
  }

  // MARK: Prompts

  private let questions = [
    Question(" One?\n", choices: ["a", "b"], answer: 1, subject: "some_words"),
    Question("Two?", choices: ["c", "d", "e"], answer: 2, subject: "some_words"),
    Question("Three?", choices: ["f", "g"], answer: 0, subject: "some_words"),
  ]

  @Test func `Prompts have the words of the harness, and no question is its own example`() throws {
    let letters = try ChoicePrompts(questions, shots: 1, examples: nil, score: .letters)
    #expect(
      letters.prompt(0)
        == ChoicePrompts.Prompt(
          context: """
            The following are multiple choice questions (with answers) about some words.

            Two?
            A. c
            B. d
            C. e
            Answer: C

            One?
            A. a
            B. b
            Answer:
            """, continuations: [" A", " B"]))
    #expect(letters.prompt(1).context.contains("Answer: B\n\nTwo?") && letters.prompt(1).continuations.count == 3)
    let texts = try ChoicePrompts(questions, shots: 5, examples: nil, score: .tokens)
    #expect(
      texts.prompt(2)
        == ChoicePrompts.Prompt(
          context: """
            The following are questions (with answers) about some words.

            Question: One?
            Answer: b

            Question: Two?
            Answer: e

            Question: Three?
            Answer:
            """, continuations: [" f", " g"]))
    #expect(letters.scarce == 0 && texts.scarce == 1)
  }

  @Test func `Examples come from a file of their own if there is one, and every subject needs some`() throws {
    let own = [Question("Own?", choices: ["y", "n"], answer: 0, subject: "some_words")]
    let prompts = try ChoicePrompts(questions, shots: 2, examples: own, score: .sum)
    #expect(prompts.prompt(0).context.hasSuffix("words.\n\nQuestion: Own?\nAnswer: y\n\nQuestion: One?\nAnswer:"))
    let other = [Question("Own?", choices: ["y", "n"], answer: 0, subject: "another")]
    for examples in [other, nil] {
      let failure = try #require(throws: Failure.self) {
        try ChoicePrompts([questions[0]], shots: 1, examples: examples, score: .sum)
      }
      #expect(failure.kind == .badData && failure.message.contains("some_words"))
    }
  }
}
