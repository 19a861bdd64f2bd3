import Foundation
import Launching
import Testing

extension CommandLineTests {
  /// Questions that are put to a run's model, and texts that it reads.
  @Suite struct ChoiceTests {
    private struct Result: Decodable, Equatable {
      struct Answer: Decodable, Equatable {
        let subject: String
        let answer, predicted: Int
        let log_likelihoods: [Double]
      }
      struct Subject: Decodable, Equatable {
        let subject: String
        let n: Int
        let accuracy, chance: Double
        let standard_error: Double?
      }
      let n, shots, cut_prompts: Int
      let accuracy, chance, standard_error: Double
      let score: String
      let subjects: [Subject]
      let questions: [Answer]
    }

    @Test("Questions are answered alike by one rank and by two, and accuracies are those of the answers")
    func answers() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.alone, "duration=5steps")
      let rows = (0..<9).map { "question \($0)?,a,bb,ccc,dddd,\("ABCD".map(String.init)[$0 % 4])\n" }
      try workshop.write("test/one_test.csv", rows[..<5].joined())
      try workshop.write("test/two_test.csv", rows[5...].joined())
      for options in [["--shots", "2"], ["--score", "characters"], ["--score", "tokens"]] {
        let alone = try evaluate(workshop, .alone, ["--choices", workshop.path + "/test"] + options)
        #expect(try evaluate(workshop, .mpirun(2), ["--choices", workshop.path + "/test"] + options) == alone)
        #expect(alone.n == 9 && alone.chance == 0.25 && alone.subjects.map(\.subject) == ["one", "two"])
        #expect(alone.questions.map(\.answer) == [0, 1, 2, 3, 0, 1, 2, 3, 0])
        let right = alone.questions.count { $0.answer == $0.predicted }
        #expect(abs(alone.accuracy - Double(right) / 9) < 1e-12)
        for answer in alone.questions {
          // A token per byte, and a space that counts as a token and not as a character.
          let scores = answer.log_likelihoods.enumerated().map { choice, value in
            switch alone.score {
            case "characters": value / Double(choice + 1)
            case "tokens": value / Double(choice + 2)
            default: value
            }
          }
          #expect(scores[answer.predicted] == scores.max() && scores.allSatisfy { $0 < 0 })
        }
        // The context of 32 bytes has no room for any prompt.
        #expect(alone.cut_prompts == 36)
      }
      let table = try workshop.dga(["evaluate", workshop.path + "/run", "--choices", workshop.path + "/test"])
      #expect(
        table.lines(with: "all").count == 1 && table.lines(with: "The beginning of 36 prompts was cut").count == 1)
    }

    private func evaluate(_ workshop: Workshop, _ launch: Launch, _ options: [String]) throws -> Result {
      let outcome = try Launching.run(
        launch.command("dga", ["evaluate", workshop.path + "/run", "--json"] + options))
      try #require(outcome.status == 0, "\(outcome.output)")
      return try JSONDecoder().decode(Result.self, from: Data(outcome.standardOutput.utf8))
    }

    @Test("A text's loss per token, per byte and per word are the same loss, and one that fits is that of its windows")
    func text() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.alone, "duration=5steps")
      try workshop.write("text.txt", String(repeating: "abc def gäh\n", count: 20))
      struct Figures: Decodable, Equatable {
        let tokens, words, bytes: Int
        let nats_per_token, bits_per_byte, perplexity_per_token, perplexity_per_word: Double
      }
      func figures(_ launch: Launch) throws -> Figures {
        let outcome = try Launching.run(
          launch.command("dga", ["evaluate", workshop.path + "/run", "--text", workshop.path + "/text.txt", "--json"]))
        try #require(outcome.status == 0, "\(outcome.output)")
        return try JSONDecoder().decode(Figures.self, from: Data(outcome.standardOutput.utf8))
      }
      let found = try figures(.alone)
      #expect(try figures(.mpirun(2)) == found)
      #expect(found.tokens == 260 && found.bytes == 260 && found.words == 60)
      // After five steps the loss is near that of guessing among 257 bytes.
      #expect(found.nats_per_token > 4 && found.nats_per_token < 6)
      #expect(abs(found.bits_per_byte - found.nats_per_token / log(2)) < 1e-9)
      #expect(abs(log(found.perplexity_per_token) - found.nats_per_token) < 1e-9)
      #expect(abs(log(found.perplexity_per_word) - found.nats_per_token * 260 / 60) < 1e-9)
    }

    @Test("Questions and options that make no sense are refused, with file and line")
    func refusals() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.alone, "duration=1steps")
      try workshop.write("a.csv", "q,a,b,c,d,A\nq,a,b,c,d,E\n")
      try workshop.write("long.csv", "q,\(String(repeating: "a", count: 40)),b,A\n")
      try workshop.write("bytes.txt", Data([65, 10, 255, 66]))
      try workshop.write("empty.txt", "")
      func evaluate(_ options: String...) throws -> Outcome {
        try workshop.dga(["evaluate", workshop.path + "/run"] + options)
      }
      expect(try evaluate("--choices", workshop.path + "/a.csv"), 65, ["a.csv:2: The last field is 'E'"])
      expect(try evaluate("--choices", workshop.path + "/none"), 66, ["/none"])
      expect(try evaluate("--choices", workshop.path + "/long.csv", "--score", "sum"), 65, ["question 1", "41 tokens"])
      expect(try evaluate("--choices", workshop.path + "/long.csv", "--shots", "1"), 65, ["no example", "long"])
      expect(try evaluate("--choices", workshop.path + "/a.csv", "--shots", "6"), 64, ["from 0 to 5"])
      expect(try evaluate("--choices", workshop.path + "/a.csv", "--score", "words"), 64, ["words"])
      expect(try evaluate("--score", "sum"), 64, ["--choices"])
      expect(try evaluate("--choices", "a", "--text", "b"), 64, ["--choices and --text"])
      expect(try evaluate("--text", workshop.path + "/bytes.txt"), 65, ["bytes.txt:2: This is not UTF-8"])
      expect(try evaluate("--text", workshop.path + "/empty.txt"), 65, ["empty.txt is empty"])
      expect(try evaluate("--text", workshop.path + "/none.txt"), 66, ["none.txt"])
    }
  }
}
