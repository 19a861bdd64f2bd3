import Foundation
import Launching
import Testing

extension CommandLineTests {
  /// Files that have changed behind the program's back.
  @Suite struct DamageTests {
    @Test("A token id beyond the vocabulary ends training with its file and offset, and verifying finds it as well")
    func tokenBeyondVocabulary() throws {
      let workshop = try Workshop()
      var tokens = try workshop.read("corpus/train.bin")
      // The high byte of the token at offset 1000, 16 bits wide, in the first domain.
      tokens[1001] = 9
      let id = 9 * 256 + Int(tokens[1000])
      try workshop.write("corpus/train.bin", tokens)
      let place = ["\(workshop.path)/corpus/train.bin", "offset 1000", "id \(id)", "vocabulary of 257"]
      // Of each domain 31 windows, so that all are read within a few steps.
      expect(try workshop.train(.mpirun(2), "tokens_per_domain=1000"), 65, place)
      expect(try workshop.dga(["corpus", "inspect", "\(workshop.path)/corpus", "--verify"]), 65, place)
      #expect(try workshop.dga(["corpus", "inspect", "\(workshop.path)/corpus"]).status == 0)
    }

    @Test("A corpus with a file cut short is refused before a run starts")
    func cutCorpus() throws {
      let workshop = try Workshop()
      let tokens = try workshop.read("corpus/evaluation.bin")
      try workshop.write("corpus/evaluation.bin", tokens.dropLast())
      expect(
        try workshop.train(), 65,
        ["\(workshop.path)/corpus/evaluation.bin", "\(tokens.count - 1) bytes", "\(tokens.count) according"])
      #expect(!workshop.exists("run"))
    }

    @Test("A run does not go on with a corpus that was built with another tokenizer")
    func otherTokenizer() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.mpirun(2), "duration=10steps")
      #expect(try workshop.build(["tokenizer={kind: sentencepiece, vocabulary: 400}"]).status == 0)
      let before = try workshop.listing()
      expect(
        try workshop.train(.mpirun(2), "duration=20steps", "--resume"), 78,
        ["\(workshop.path)/run/checkpoints/step-00000010", "corpus", "tokenizer", "start another `run`"])
      #expect(try workshop.listing() == before)
      // The same texts, recipe and tokenizer give the same corpus, with which it goes on.
      #expect(try workshop.build().status == 0)
      #expect(try workshop.finish(.mpirun(2), "duration=20steps", "--resume").steps == 20)
    }

    @Test("A damaged checkpoint is named and stays where it is; the run goes on from the one before to the same bits")
    func damagedCheckpoint() throws {
      let workshop = try Workshop()
      let settings = ["checkpoint.every=20steps", "checkpoint.keep=3"]
      let whole = try workshop.finish(.mpirun(2), settings)
      let metrics = try workshop.timelessMetrics()

      // One is cut short, in the other a bit has changed.
      let cut = "run/checkpoints/step-00000050/model.safetensors"
      try workshop.write(cut, try workshop.read(cut).dropLast(100))
      let flipped = "run/checkpoints/step-00000040/optimizer.safetensors"
      var bytes = try workshop.read(flipped)
      bytes[bytes.count / 2] ^= 1
      try workshop.write(flipped, bytes)

      // Looking on changes nothing.
      let before = try workshop.listing()
      let rehearsal = try workshop.start(.mpirun(2), settings + ["--resume", "--dry-run"]).wait()
      #expect(rehearsal.status == 0 && rehearsal.output.contains("# The run would go on after step 20."))
      #expect(rehearsal.lines(with: "warning: The checkpoint").count == 2, "\(rehearsal.output)")
      #expect(try workshop.listing() == before)

      let outcome = try workshop.start(.mpirun(2), settings + ["--resume"]).wait()
      #expect(outcome.status == 0, "\(outcome.output)")
      #expect(outcome.lines(with: "warning: The checkpoint").count == 2, "\(outcome.output)")
      #expect(outcome.lines(with: "\(workshop.path)/\(cut) has").count == 1)
      #expect(outcome.lines(with: "\(workshop.path)/\(flipped) has been changed").count == 1)
      #expect(outcome.lines(with: "going on after step 20").count == 1)
      #expect(try workshop.ending(of: outcome) == whole)
      #expect(try workshop.timelessMetrics() == metrics)
      #expect(
        try workshop.checkpoints() == [
          "step-00000020", "step-00000040", "step-00000040.damaged", "step-00000050", "step-00000050.damaged",
        ])
    }

    @Test("Every reader of a run falls back to the checkpoint before a damaged one and says so")
    func readersFallBack() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.alone, "duration=10steps", "checkpoint.every=5steps")
      let damaged = "run/checkpoints/step-00000010/model.safetensors"
      try workshop.write(damaged, try workshop.read(damaged).dropLast())
      let run = "\(workshop.path)/run"
      let commands = [
        ["evaluate", run, "--corpus", "\(workshop.path)/corpus"], ["export", run, "-o", "\(workshop.path)/hf"],
        ["align", run],
        [
          "train", "\(workshop.path)/run.yaml", "run=\(workshop.path)/other", "duration=2steps",
          "mixture.method=doremi", "mixture.reference=\(run)",
        ],
      ]
      for command in commands {
        let outcome = try workshop.dga(command)
        #expect(outcome.status == 0, "\(command): \(outcome.output)")
        #expect(
          outcome.lines(with: "step-00000010 is damaged and passed over: \(workshop.path)/\(damaged)").count == 1,
          "\(command): \(outcome.output)")
      }
    }

    @Test("A run whose checkpoints are all damaged never begins anew, however often it is told to go on")
    func nothingWhole() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.alone, "duration=10steps", "checkpoint.every=5steps")
      for step in ["05", "10"] { try workshop.write("run/checkpoints/step-000000\(step)/state.json", "{") }
      let before = try workshop.listing()
      for flags in [["--resume"], ["--resume"], ["--resume", "--dry-run"]] {
        let outcome = try workshop.start(.alone, flags).wait()
        expect(outcome, 65, ["\(workshop.path)/run/checkpoints", "state.json", "start another `run`"])
      }
      expect(try workshop.train(.alone), 73, ["already holds a run"])
      // An older dga renamed them; they lie there all the same, with the metrics or without.
      try workshop.remove("run/metrics.jsonl")
      for step in ["05", "10"] {
        let path = "\(workshop.path)/run/checkpoints/step-000000\(step)"
        #expect(rename(path, path + ".damaged") == 0)
      }
      expect(try workshop.train(.alone, "--resume"), 65, ["set aside as damaged"])
      expect(try workshop.train(.alone), 73, ["already holds a run"])
      #expect(try workshop.listing().count == before.count - 1)
    }

    @Test("A corpus that becomes shorter during a run ends it with 74, the file and the rank", arguments: [1, 2])
    func shrinkingCorpus(ranks: Int) throws {
      let workshop = try Workshop()
      let launch = ranks == 1 ? Launch.alone : .mpirun(ranks)
      let program = try workshop.start(launch, ["duration=1000000steps", "checkpoint.every=5steps"])
      try wait(for: "a checkpoint", of: program) { workshop.exists("run/checkpoints/latest") }
      truncate("\(workshop.path)/corpus/train.bin", 500)
      let outcome = try program.wait()
      #expect(outcome.status == 74, "\(outcome.output)")
      let errors = outcome.lines(with: "\(workshop.path)/corpus/train.bin has become shorter")
      #expect(!errors.isEmpty && (ranks == 1 || errors.allSatisfy { $0.contains("rank ") }), "\(outcome.output)")
      #expect(try !workshop.checkpoints().isEmpty)
    }

    @Test("A run whose metrics are gone goes on and records what is new")
    func lostMetrics() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.alone, "duration=10steps")
      try workshop.remove("run/metrics.jsonl")
      _ = try workshop.finish(.alone, "duration=12steps", "--resume")
      #expect(try workshop.metrics().filter { $0.kind == "step" }.map(\.step) == [11, 12])
    }

    @Test("A run that was killed while it wrote a checkpoint leaves nothing of it once it goes on")
    func halfCheckpoint() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.alone, "duration=10steps")
      try workshop.write("run/checkpoints/.step-00000017.partial/model.safetensors", "half")
      _ = try workshop.finish(.alone, "duration=12steps", "--resume")
      #expect(try workshop.checkpoints() == ["step-00000010", "step-00000012"])
    }
  }
}
