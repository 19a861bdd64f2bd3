import Foundation
import Launching
import Testing

extension CommandLineTests {
  /// Text that a run's model writes.
  @Suite struct GenerationTests {
    private struct Written: Decodable, Equatable {
      let text: String
      let tokens: [Int]
      let prompt_tokens, restarts: Int
      let ended: Bool
    }

    @Test("A trained model writes in the language that it has read, with and without kept keys and values")
    func text() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.alone, "duration=150steps", "mixture.method=uniform", "optimizer.learning_rate=1e-2")
      func write(_ options: [String]) throws -> String {
        let outcome = try workshop.dga(["generate", workshop.path + "/run"] + options)
        try #require(outcome.status == 0, "\(outcome.output)")
        return outcome.standardOutput
      }
      for sampling in [["--temperature", "0"], ["--temperature", "0.9", "--seed", "3"], ["--top-p", "0.5"]] {
        for prompt in ["", "ABCD", "αβγ αβγ αβγ αβγ αβγ αβγ αβγ αβγ αβγ "] {
          let options = ["--prompt", prompt, "--tokens", "200"] + sampling
          func written(_ more: String...) throws -> Written {
            try JSONDecoder().decode(Written.self, from: Data(write(options + ["--json"] + more).utf8))
          }
          let (cached, plain) = try (written(), written("--no-cache"))
          #expect(cached == plain && cached.prompt_tokens == prompt.utf8.count)
          #expect(cached.ended == (cached.tokens.last == 256) && (cached.ended || cached.restarts > 8))
          #expect(try write(options) == cached.text + "\n")
        }
      }
      let greek = try write(["--prompt", "αβγδ", "--tokens", "60", "--temperature", "0.5"])
      let letters = greek.unicodeScalars.filter { $0.properties.isAlphabetic }
      #expect(letters.count { "αβγδεζηθ".unicodeScalars.contains($0) } * 2 > letters.count, "\(greek)")
    }

    @Test("Options that make no sense are refused")
    func refusals() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.alone, "duration=1steps")
      for options in [["--temperature", "-1"], ["--temperature", "nan"], ["--top-p", "0"], ["--tokens", "0"]] {
        expect(try workshop.dga(["generate", workshop.path + "/run"] + options), 64, [options[0]])
      }
      expect(try workshop.dga(["generate", workshop.path + "/none"]), 66, ["/none"])
    }
  }
}
