import Corpus
import Foundation
import Launching
import Storage
import Testing

extension CommandLineTests {
  /// Corpora of clusters, and where other documents belong.
  @Suite struct ClusterTests {
    private func cluster(_ workshop: Workshop, _ launch: Launch, _ output: String, _ options: [String]) throws
      -> Outcome
    {
      try Launching.run(
        launch.command("dga", ["cluster", "\(workshop.path)/corpus", "-o", "\(workshop.path)/\(output)"] + options))
    }

    private func inspect(_ workshop: Workshop, _ name: String) throws -> Outcome {
      try workshop.dga(["corpus", "inspect", "\(workshop.path)/\(name)", "--verify", "--json"])
    }

    @Test("The same files come from 1, 2, 3 and 4 ranks, and a run trains on them")
    func ranks() throws {
      let workshop = try Workshop()
      let options = ["--domains", "10", "--branching", "4"]
      for (name, launch) in [("a", Launch.alone), ("b", .mpirun(2)), ("c", .mpirun(3)), ("d", .mpirun(4))] {
        let outcome = try cluster(workshop, launch, name, options)
        try #require(outcome.status == 0, "\(outcome.output)")
      }
      for name in try FileManager.default.contentsOfDirectory(atPath: "\(workshop.path)/a") {
        for other in ["b", "c", "d"] {
          #expect(try workshop.read("\(other)/\(name)") == workshop.read("a/\(name)"), "\(name) of \(other)")
        }
      }
      let outcome = try inspect(workshop, "a")
      #expect(outcome.status == 0, "\(outcome.output)")
      let run = try workshop.train(.mpirun(2), run: "run", "corpus=\(workshop.path)/a", "duration=20steps")
      #expect(run.status == 0, "\(run.output)")
      let method = try workshop.train(
        .mpirun(2), run: "importance", "corpus=\(workshop.path)/a", "duration=20steps", "mixture.method=importance")
      #expect(method.status == 0, "\(method.output)")
    }

    @Test("Four languages become four clusters, and every document is in the corpus of clusters once")
    func languages() throws {
      let workshop = try Workshop()
      let outcome = try cluster(workshop, .alone, "clusters", ["--domains", "4", "--json"])
      try #require(outcome.status == 0, "\(outcome.output)")
      let report = try JSONDecoder().decode(CorpusReport.self, from: Data(outcome.standardOutput.utf8))
      let clusters = try #require(report.clusters)
      #expect(clusters.map(\.name) == ["c0", "c1", "c2", "c3"])
      #expect(CorpusReport.purity(of: clusters) == 1)
      #expect(Set(clusters.flatMap(\.sources.keys)) == ["twin", "upper", "digits", "greek"])

      let (old, new) = (try Corpus(at: "\(workshop.path)/corpus"), try Corpus(at: "\(workshop.path)/clusters"))
      #expect(new.manifest.targets == old.manifest.targets)
      for name in ["steering.bin", "steering.idx", "evaluation.bin", "evaluation.idx"] {
        #expect(try workshop.read("clusters/\(name)") == workshop.read("corpus/\(name)"))
      }
      for part in [\Domain.train, \Domain.validation] {
        func documents(_ corpus: Corpus) throws -> [[Int32]] {
          try corpus.domains.flatMap { domain in
            let slice = domain[keyPath: part]
            return try slice.tokens(0..<slice.tokenCount).split(separator: 256).map(Array.init)
          }.sorted { $0.lexicographicallyPrecedes($1) }
        }
        #expect(try documents(new) == documents(old))
        let bytes = { (corpus: Corpus) in corpus.domains.reduce(0) { $0 + $1[keyPath: part].byteCount } }
        #expect(bytes(new) == bytes(old))
      }

      // The target has twin's language: all its steering documents are in that cluster.
      let histograms = try NumPyFile(path: "\(workshop.path)/clusters/histograms.npy")
      #expect(histograms.shape == [2, 4])
      let twin = try #require(clusters.firstIndex { $0.sources.keys.contains("twin") })
      #expect(try histograms.integers(0..<4) == (0..<4).map { $0 == twin ? 6 : 0 })
    }

    @Test("Documents of a corpus belong to the clusters that they made")
    func assigned() throws {
      let workshop = try Workshop()
      let made = try cluster(workshop, .alone, "clusters", ["--domains", "9", "--branching", "3"])
      try #require(made.status == 0, "\(made.output)")
      let outcome = try cluster(
        workshop, .alone, "places.npy", ["--assign", "\(workshop.path)/clusters"])
      try #require(outcome.status == 0, "\(outcome.output)")
      let places = try NumPyFile(path: "\(workshop.path)/places.npy")
      let (old, new) = (try Corpus(at: "\(workshop.path)/corpus"), try Corpus(at: "\(workshop.path)/clusters"))
      let trained = old.domains.reduce(0) { $0 + $1.train.documentCount }
      let found = try places.integers(0..<trained)
      for domain in new.domains.indices {
        #expect(found.count { $0 == domain } == new.domains.train(domain).documentCount)
      }
    }

    @Test("Vectors go to other programs and come back, in the order of the names")
    func vectors() throws {
      let workshop = try Workshop()
      let written = try workshop.dga(["corpus", "vectors", "\(workshop.path)/corpus", "-o", "\(workshop.path)/vectors"])
      try #require(written.status == 0, "\(written.output)")
      let names = try String(decoding: workshop.read("vectors/documents.txt"), as: UTF8.self).split(separator: "\n")
      let file = try NumPyFile(path: "\(workshop.path)/vectors/vectors.npy")
      #expect(file.shape == [names.count, 256])
      #expect(names.first == "train/twin/0" && names.last == "evaluation/other/9")
      let outcome = try cluster(
        workshop, .mpirun(2), "clusters",
        ["--domains", "4", "--json", "--vectors", "\(workshop.path)/vectors/vectors.npy"])
      try #require(outcome.status == 0, "\(outcome.output)")
      let report = try JSONDecoder().decode(CorpusReport.self, from: Data(outcome.standardOutput.utf8))
      #expect(CorpusReport.purity(of: report.clusters ?? []) == 1)
    }

    @Test("A trained run makes vectors, too")
    func run() throws {
      let workshop = try Workshop()
      _ = try workshop.finish(.alone)
      let outcome = try cluster(
        workshop, .mpirun(2), "clusters", ["--domains", "4", "--json", "--vectors", "\(workshop.path)/run"])
      try #require(outcome.status == 0, "\(outcome.output)")
      let report = try JSONDecoder().decode(CorpusReport.self, from: Data(outcome.standardOutput.utf8))
      #expect(report.clusters?.reduce(0) { $0 + $1.documents } == report.domains.reduce(0) { $0 + $1.documents })
      #expect(CorpusReport.purity(of: report.clusters ?? []) > 0.9)
      let manifest = try Corpus(at: "\(workshop.path)/clusters").manifest
      #expect(manifest.clustering?.dimensions == 32)
    }

    @Test("What cannot be clustered is refused in a sentence, with its exit code")
    func refused() throws {
      let workshop = try Workshop()
      func check(_ options: [String], _ status: Int32, _ sentence: String) throws {
        let outcome = try cluster(workshop, .mpirun(2), "x", options)
        #expect(outcome.status == status && outcome.output.contains(sentence), "\(outcome.output)")
        #expect(!workshop.exists("x"))
      }
      try check(["--domains", "1000"], 64, "too few for 1000 clusters")
      var short = try NumPyWriter<Float>(path: "\(workshop.path)/short.npy", shape: [3, 4])
      try short.write([Float](repeating: 1, count: 12).span)
      try short.finish()
      try check(["--domains", "2", "--vectors", "\(workshop.path)/short.npy"], 65, "has 3 rows, but the corpus has")
      try check(["--domains", "2", "--vectors", "\(workshop.path)/none.npy"], 66, "none.npy cannot be opened")
      try check(["--assign", "\(workshop.path)/corpus"], 64, "are no clusters")
      try check(["--domains", "2", "--branching", "1"], 64, "--branching is from 2")
    }
  }
}
