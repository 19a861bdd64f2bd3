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

    /// The documents of a corpus in the order of its parts, each with the domain that has it; nil without one.
    private func documents(_ corpus: Corpus) throws -> [(part: String, tokens: [Int32], domain: Int?)] {
      func split(_ slice: TokenSlice) throws -> [[Int32]] {
        try slice.tokens(0..<slice.tokenCount).split(separator: 256).map(Array.init)
      }
      return try corpus.domains.indices.flatMap { domain in
        try split(corpus.domains.train(domain)).map { ("train", $0, domain) }
      }
        + corpus.domains.indices.flatMap { domain in
          try split(corpus.domains.validation(domain)).map { ("validation", $0, domain) }
        } + corpus.targets.flatMap { target in try split(target.steering).map { ("steering", $0, nil) } }
    }

    @Test("Each document of a corpus is found in the cluster that has it")
    func assigned() throws {
      let workshop = try Workshop()
      let made = try cluster(workshop, .alone, "clusters", ["--domains", "9", "--branching", "3"])
      try #require(made.status == 0, "\(made.output)")
      let outcome = try cluster(workshop, .mpirun(2), "places.npy", ["--assign", "\(workshop.path)/clusters"])
      try #require(outcome.status == 0, "\(outcome.output)")
      let places = try NumPyFile(path: "\(workshop.path)/places.npy")
      let (old, new) = (try Corpus(at: "\(workshop.path)/corpus"), try Corpus(at: "\(workshop.path)/clusters"))
      let all = try documents(old)
      let found = try places.integers(0..<places.count)
      #expect(places.shape == [all.count + old.targets.reduce(0) { $0 + $1.evaluation.documentCount }])
      var expected: [String: [[Int32]: Int]] = [:]
      for document in try documents(new) { expected[document.part, default: [:]][document.tokens] = document.domain }
      var steering = [Int](repeating: 0, count: new.domains.count)
      for (place, document) in all.enumerated() {
        if document.part == "steering" {
          steering[found[place]] += 1
        } else {
          #expect(expected[document.part]?[document.tokens] == found[place], "\(document.part), document \(place)")
        }
      }
      #expect(Set(found.prefix(40)).count > 3)
      let histograms = try NumPyFile(path: "\(workshop.path)/clusters/histograms.npy")
      let rows = try (0..<2).map { try histograms.integers($0 * 9..<($0 + 1) * 9) }
      #expect(zip(rows[0], rows[1]).map(+) == steering)
    }

    @Test("What is there already is not replaced by the domains of documents")
    func free() throws {
      let workshop = try Workshop()
      let made = try cluster(workshop, .alone, "clusters", ["--domains", "4"])
      try #require(made.status == 0, "\(made.output)")
      try workshop.write("mine.txt", "mine")
      try FileManager.default.createSymbolicLink(
        atPath: "\(workshop.path)/link", withDestinationPath: "\(workshop.path)/nowhere")
      let before = try workshop.listing()
      for name in ["mine.txt", "clusters", "link", "none/places.npy"] {
        let outcome = try cluster(workshop, .alone, name, ["--assign", "\(workshop.path)/clusters"])
        #expect(outcome.status == 73 && outcome.output.contains(name), "\(outcome.output)")
      }
      #expect(try workshop.listing() == before)
      #expect(try workshop.read("mine.txt") == Data("mine".utf8))
    }

    @Test("Vectors of another kind than those of the clusters are refused, whatever their length")
    func kinds() throws {
      let workshop = try Workshop()
      let written = try workshop.dga(["corpus", "vectors", "\(workshop.path)/corpus", "-o", "\(workshop.path)/vectors"])
      try #require(written.status == 0, "\(written.output)")
      let file = ["--vectors", "\(workshop.path)/vectors/vectors.npy"]
      for (name, options) in [("pieces", []), ("file", file)] {
        let made = try cluster(workshop, .alone, name, ["--domains", "4"] + options)
        try #require(made.status == 0, "\(made.output)")
      }
      let before = try workshop.listing()
      let wrong = try cluster(workshop, .alone, "places.npy", ["--assign", "\(workshop.path)/pieces"] + file)
      #expect(wrong.status == 64 && wrong.output.contains("leave out --vectors"), "\(wrong.output)")
      let missing = try cluster(workshop, .alone, "places.npy", ["--assign", "\(workshop.path)/file"])
      #expect(missing.status == 64 && missing.output.contains("give a file"), "\(missing.output)")
      #expect(try workshop.listing() == before)
      let right = try cluster(workshop, .alone, "places.npy", ["--assign", "\(workshop.path)/file"] + file)
      #expect(right.status == 0, "\(right.output)")
    }

    @Test("Clusters are of about the same size with --balanced")
    func balanced() throws {
      let workshop = try Workshop()
      var largest: [[Int]] = [[], []]
      for seed in 1...3 {
        for (place, options) in [[], ["--balanced", "--iterations", "300"]].enumerated() {
          let outcome = try cluster(
            workshop, .mpirun(2), "clusters-\(seed)-\(place)",
            ["--domains", "2", "--seed", "\(seed)", "--json"] + options)
          try #require(outcome.status == 0, "\(outcome.output)")
          let report = try JSONDecoder().decode(CorpusReport.self, from: Data(outcome.standardOutput.utf8))
          let sizes = (report.clusters ?? []).map(\.documents)
          #expect(sizes.count == 2 && sizes.reduce(0, +) == 56)
          largest[place].append(sizes.max() ?? 0)
        }
      }
      // A quarter more than the mean, and one.
      #expect(largest[0].max()! > 36 && largest[1].max()! <= 36, "\(largest)")
      // More clusters than languages cannot be even, but none may be lost for that.
      let outcome = try cluster(
        workshop, .alone, "six", ["--domains", "6", "--seed", "3", "--balanced", "--iterations", "300", "--json"])
      try #require(outcome.status == 0, "\(outcome.output)")
      let report = try JSONDecoder().decode(CorpusReport.self, from: Data(outcome.standardOutput.utf8))
      #expect(report.clusters?.count == 6)
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
      try check(["--assign", "\(workshop.path)/corpus"], 64, "are not clusters")
      try check(["--domains", "2", "--branching", "1"], 64, "--branching is from 2")
    }
  }
}
