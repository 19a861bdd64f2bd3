import Foundation
import Launching
import Testing

extension CommandLineTests {
  /// Checkpoints for other programs.
  @Suite struct ExportTests {
    @Test("An export is a GPT-2 folder: configurations, tensors under their names and shapes, tokenizer and card")
    func folder() throws {
      let workshop = try Workshop()
      #expect(try workshop.build(["tokenizer={kind: sentencepiece, vocabulary: 400}"]).status == 0)
      _ = try workshop.finish(.mpirun(2), "duration=5steps")
      let outcome = try export(workshop, "run", to: "new/folder")
      #expect(outcome.status == 0, "\(outcome.output)")
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: workshop.path + "/new/folder").sorted()
          == [
            "README.md", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
            "tokenizer.model", "tokenizer_config.json",
          ])
      #expect(outcome.lines(with: "new/folder: 39296 parameters").count == 1)
      #expect(outcome.lines(with: "after step 5, context 32").count == 1)
      #expect(outcome.lines(with: "tokenizer.json: 400 tokens").count == 1)
      #expect(try FileManager.default.contentsOfDirectory(atPath: workshop.path + "/new") == ["folder"])
      #expect(try workshop.read("new/folder/tokenizer.model") == workshop.read("corpus/tokenizer.model"))

      let configuration = try JSONDecoder().decode(GPT2Settings.self, from: workshop.read("new/folder/config.json"))
      #expect(configuration == GPT2Settings())
      let header = try Self.header(of: workshop.read("new/folder/model.safetensors"))
      #expect(header == Self.shapes)

      #expect(
        try JSONDecoder().decode([String: Int].self, from: workshop.read("new/folder/generation_config.json"))
          == ["bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 1, "max_length": 32])
      let tokenizer = try JSONDecoder().decode(
        TokenizerSettings.self, from: workshop.read("new/folder/tokenizer_config.json"))
      #expect(tokenizer == TokenizerSettings())
    }

    @Test("The card tells mixture and losses of the run as they were at the checkpoint, and the limit of the context")
    func card() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(
        .alone, "duration=30steps", "checkpoint.every=20steps", "evaluation.every=10steps", "checkpoint.keep=9")
      for name in ["step-00000020", "step-00000030"] {
        #expect(try export(workshop, "run/checkpoints/\(name)", to: name).status == 0)
      }
      let last = try card(workshop, "step-00000030")
      let mixture = try workshop.mixture()
      for (name, weight) in mixture.final {
        let weights = String(format: "| %.1f %% | %.1f %% |", 100 * weight, 100 * (mixture.weights[name] ?? -1))
        #expect(last.contains { $0.hasPrefix("| \(name) \(weights)") }, "\(name): \(weights)")
      }
      #expect(last.contains("| trained for | 30 steps, 15360 tokens |"))
      #expect(last.contains("| corpus | corpus |") && last.contains("| target | target |"))
      #expect(last.contains { $0.contains("at most 32 tokens") })
      #expect(last.allSatisfy { !$0.contains(workshop.path) })

      // What the run learnt later is not the earlier checkpoint's.
      let first = try card(workshop, "step-00000020")
      #expect(first.contains("| trained for | 20 steps, 10240 tokens |"))
      #expect(first.contains { $0.hasPrefix("Evaluated after step 20,") })
      for (lines, step) in [(first, 20), (last, 30)] {
        let evaluation = try #require(try workshop.metrics().last { $0.kind == "evaluation" && $0.step == step })
        let loss = String(format: "| target | %.4f (", try #require(evaluation.target))
        #expect(lines.contains { $0.hasPrefix(loss) }, "\(loss)")
      }
      #expect(first.filter { $0.hasPrefix("| twin |") } != last.filter { $0.hasPrefix("| twin |") })

      // Away from its run a checkpoint still has a card, with what it knows.
      try FileManager.default.copyItem(
        atPath: workshop.path + "/run/checkpoints/step-00000030", toPath: workshop.path + "/alone")
      #expect(try export(workshop, "alone", to: "bare").status == 0)
      let bare = try card(workshop, "bare")
      #expect(bare.contains("| trained for | 30 steps, 15360 tokens |"))
      #expect(!bare.contains("## Mixture") && !bare.contains("## Losses"))
    }

    private func card(_ workshop: Workshop, _ folder: String) throws -> [String] {
      String(decoding: try workshop.read("\(folder)/README.md"), as: UTF8.self).components(separatedBy: "\n")
    }

    @Test("A tokenizer that other programs cannot reproduce is not exported as if they could, and the export says so")
    func otherTokenizer() throws {
      let workshop = try Workshop(build: false)
      #expect(try workshop.build(["tokenizer={kind: sentencepiece, vocabulary: 400}"]).status == 0)
      // The last value of a field counts: the model adds a space in front of every text.
      try workshop.write("other.model", workshop.read("corpus/tokenizer.model") + [0x1A, 0x02, 0x18, 0x01])
      let outcome = try workshop.build(output: "other", ["tokenizer={file: \(workshop.path)/other.model}"])
      #expect(outcome.status == 0, "\(outcome.output)")
      _ = try workshop.finish(.alone, "duration=1steps", "corpus=\(workshop.path)/other")
      let exported = try export(workshop, "run", to: "out")
      #expect(exported.status == 0)
      #expect(exported.lines(with: "warning: there is no tokenizer.json").count == 1)
      #expect(exported.output.contains("changes text"))
      #expect(!workshop.exists("out/tokenizer.json") && !workshop.exists("out/tokenizer.model"))
      #expect(try workshop.read("out/sentencepiece.model") == workshop.read("other.model"))
      #expect(try card(workshop, "out").contains { $0.contains("changes text") })
    }

    @Test("The same checkpoint is exported by its own name and by its run's, to the same bytes")
    func names() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.alone, "duration=5steps")
      #expect(try export(workshop, "run", to: "a").status == 0)
      #expect(try export(workshop, "run/checkpoints/step-00000005", to: "b").status == 0)
      #expect(try workshop.read("a/model.safetensors") == workshop.read("b/model.safetensors"))
      #expect(try workshop.read("a/config.json") == workshop.read("b/config.json"))
    }

    @Test("An export neither replaces anything, nor takes what is no whole checkpoint, nor leaves anything behind")
    func refusals() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.alone, "duration=5steps")
      try workshop.write("cut/checkpoints/latest", "step-00000005\n")
      let files = [
        "manifest.json", "state.json", "method.json", "domains.txt", "optimizer.safetensors", "model.safetensors",
      ]
      for file in files {
        let bytes = try workshop.read("run/checkpoints/step-00000005/\(file)")
        try workshop.write("cut/checkpoints/step-00000005/\(file)", file.hasPrefix("model") ? bytes.dropLast() : bytes)
      }
      let before = try workshop.listing()
      expect(try export(workshop, "run", to: "corpus"), 73, ["\(workshop.path)/corpus exists already"])
      expect(
        try export(workshop, "run", to: "run.yaml/new/folder"), 73,
        ["\(workshop.path)/run.yaml/new", "Not a directory"])
      expect(
        try export(workshop, "corpus", to: "new"), 66, ["\(workshop.path)/corpus", "neither a checkpoint nor a run"])
      expect(try export(workshop, "none", to: "new"), 66, ["\(workshop.path)/none"])
      expect(
        try export(workshop, "cut", to: "new"), 65,
        ["\(workshop.path)/cut/checkpoints/step-00000005/model.safetensors", "bytes instead of"])
      #expect(try workshop.listing() == before)
    }

    private func export(_ workshop: Workshop, _ checkpoint: String, to output: String) throws -> Outcome {
      try workshop.dga(["export", "\(workshop.path)/\(checkpoint)", "-o", "\(workshop.path)/\(output)"])
    }

    /// The sizes of the model in a workshop, with a vocabulary of 400, in GPT-2's words.
    private struct GPT2Settings: Decodable, Equatable {
      var architectures = ["GPT2LMHeadModel"]
      var model_type = "gpt2", activation_function = "gelu_new"
      var n_layer = 2, n_head = 2, n_embd = 32, n_positions = 32, vocab_size = 400
      var layer_norm_epsilon = 1e-5
      var tie_word_embeddings = true, scale_attn_weights = true
    }

    /// The words of `transformers` for a tokenizer that adds nothing to a text and takes all of it for text.
    private struct TokenizerSettings: Decodable, Equatable {
      var tokenizer_class = "PreTrainedTokenizerFast", eos_token = "</s>"
      var model_max_length = 32
      var clean_up_tokenization_spaces = false, split_special_tokens = true
      var model_input_names = ["input_ids", "attention_mask"]
    }

    /// GPT-2's tensors at that size; matrices are stored (in, out), and the output layer is the tied embedding.
    private static let shapes: [String: [Int]] = {
      var shapes = [
        "transformer.wte.weight": [400, 32], "transformer.wpe.weight": [32, 32],
        "transformer.ln_f.weight": [32], "transformer.ln_f.bias": [32],
      ]
      for layer in 0..<2 {
        let block = [
          "ln_1.weight": [32], "ln_1.bias": [32], "ln_2.weight": [32], "ln_2.bias": [32],
          "attn.c_attn.weight": [32, 96], "attn.c_attn.bias": [96],
          "attn.c_proj.weight": [32, 32], "attn.c_proj.bias": [32],
          "mlp.c_fc.weight": [32, 128], "mlp.c_fc.bias": [128],
          "mlp.c_proj.weight": [128, 32], "mlp.c_proj.bias": [32],
        ]
        for (name, shape) in block { shapes["transformer.h.\(layer).\(name)"] = shape }
      }
      return shapes
    }()

    /// The shapes in a safetensors file: 8 bytes of length, then JSON.
    private static func header(of file: Data) throws -> [String: [Int]] {
      struct Entry: Decodable {
        let dtype: String?, shape: [Int]?
      }
      let count = Int(file.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) })
      let entries = try JSONDecoder().decode([String: Entry].self, from: file.dropFirst(8).prefix(count))
      #expect(entries.values.allSatisfy { $0.dtype ?? "F32" == "F32" })
      return entries.compactMapValues(\.shape)
    }
  }
}
