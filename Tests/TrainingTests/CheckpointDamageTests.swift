import Checkpoints
import Failures
import Foundation
import MPI
import Mixing
import Runs
import Settings
import Testing
import Training

/// A run of ten steps in a directory of its own, whose checkpoints are spoiled and sealed again.
private final class SpoiledRun {
  private let directory = try! TemporaryDirectory()
  private let change: (inout RunDescription) -> Void

  init(_ change: @escaping (inout RunDescription) -> Void = { _ in }) throws {
    self.change = change
    _ = try go(on: false, steps: 10)
  }

  var checkpoints: String { directory.path + "/run/checkpoints" }
  var newest: String { checkpoints + "/step-00000010" }

  private func trainer(steps: Int) throws -> Trainer {
    try Trainer(
      Bench.plan {
        $0.run = directory.path + "/run"
        $0.duration = Quantity(Double(steps), .steps)
        $0.checkpoint.every = Quantity(5, .steps)
        $0.checkpoint.keep = 2
        change(&$0)
      }, rank: 0)
  }

  func go(on resume: Bool = true, steps: Int = 12) throws -> RunOutcome {
    var trainer = try trainer(steps: steps)
    return try trainer.run(resume: resume, over: Communicator.alone())
  }

  func rehearse() throws -> String {
    var trainer = try trainer(steps: 12)
    return try trainer.rehearse(resume: true, over: Communicator.alone())
  }

  func read(_ file: String) throws -> Data { try Data(contentsOf: URL(filePath: "\(newest)/\(file)")) }

  /// Changes a file of the newest checkpoint, and makes its manifest agree.
  func spoil(_ file: String, _ data: Data) throws {
    try data.write(to: URL(filePath: "\(newest)/\(file)"))
    try CheckpointManifest.seal(newest)
  }

  /// Leaves nothing but the newest checkpoint.
  func removeOlder() throws { try FileManager.default.removeItem(atPath: checkpoints + "/step-00000005") }
}

/// A place in a JSON text: keys and indices.
private typealias Place = [any Sendable]

extension MiddleTests {
  /// Checkpoints that pass their checksums and make no sense.
  @Suite struct CheckpointDamageTests {
    @Test func `An evaluation that needs more memory than the node has is refused before it is taken`() throws {
      let run = try SpoiledRun()
      let small = try #require(NodeMemory(meminfo: "MemTotal: 100 kB\nMemAvailable: 100 kB\n", limits: []))
      let failure = try #require(throws: Failure.self) { _ = try ModelEvaluation(at: run.newest, within: small) }
      #expect(failure.kind == .badConfiguration)
      for fragment in ["The evaluation needs", "activations", "has 102.4 kB", "take a node with more memory"] {
        #expect(failure.message.contains(fragment), "\(failure.message)")
      }
      _ = try ModelEvaluation(at: run.newest, within: NodeMemory.present)
    }

    private func refusal(_ run: SpoiledRun) -> Failure? {
      do {
        _ = try run.rehearse()
        return nil
      } catch {
        return error as? Failure
          ?? (error as? AgreedFailure).flatMap { agreed in
            Failure.Kind(rawValue: agreed.exitCode).map { Failure($0, agreed.message) }
          }
      }
    }

    private static let methods: [(String, @Sendable (inout RunDescription) -> Void)] = [
      ("dga", { _ in }),
      (
        "grape",
        {
          $0.mixture.steering.direction.targets = [Share("t", 1), Share("u", 1)]
          $0.mixture.steering.direction.adaptive = true
        }
      ),
      ("doge", { $0.mixture.use(DoGE.self) }),
      ("odm", { $0.mixture.use(OnlineDataMixing.self) }),
      ("ado", { $0.mixture.use(AdaptiveDataOptimization.self) }),
    ]

    @Test(arguments: [("state.json", 0), ("state.json", 1)] + (0..<5).map { ("method.json", $0) })
    func `Shortened lists and impossible numbers are refused with 65, file and key`(file: String, method: Int) throws {
      let run = try SpoiledRun(Self.methods[method].1)
      try run.removeOlder()
      let whole = try run.read(file)
      let tree = try JSONSerialization.jsonObject(with: whole)
      #expect(refusal(run) == nil)
      for place in Self.places(in: tree) {
        for (spoiled, isWrong) in Self.mutations(of: tree, at: place) {
          try run.spoil(file, JSONSerialization.data(withJSONObject: spoiled, options: [.fragmentsAllowed]))
          let name = "\(file), \(place), \(Self.value(in: spoiled, at: place) ?? "gone")"
          if let failure = refusal(run) {
            // Another identity is that of another run.
            let isIdentity = place.first as? String == "identity"
            #expect(
              failure.kind == .badData || (isIdentity && failure.kind == .badConfiguration),
              "\(name): \(failure.message)")
            #expect(failure.kind != .badData || failure.message.contains(file), "\(name): \(failure.message)")
          } else {
            #expect(!isWrong, "\(name) was accepted")
          }
        }
      }
      try run.spoil(file, whole)
      _ = try run.go()
    }

    @Test(arguments: [0, 1, 2, 3, 4])
    func `What is accepted of a spoiled state ends no process`(method: Int) throws {
      let whole = try SpoiledRun(Self.methods[method].1)
      for file in ["state.json", "method.json"] {
        let tree = try JSONSerialization.jsonObject(with: whole.read(file))
        // Some of all places, since runs take long; dictionaries have another order in each process.
        let places = Self.places(in: tree).sorted { "\($0)" < "\($1)" }
        for place in stride(from: method, to: places.count, by: 20).map({ places[$0] }) {
          let run = try SpoiledRun(Self.methods[method].1)
          try run.removeOlder()
          for (spoiled, _) in Self.mutations(of: tree, at: place).suffix(2) {
            try run.spoil(file, JSONSerialization.data(withJSONObject: spoiled, options: [.fragmentsAllowed]))
            do {
              _ = try run.go(steps: 14)
              break
            } catch {
              let code = (error as? Failure)?.kind.rawValue ?? (error as? AgreedFailure)?.exitCode
              #expect([65, 78, 79].contains(code), "\(file), \(place): \(error)")
            }
          }
        }
      }
    }

    @Test(arguments: ["model.safetensors", "optimizer.safetensors"])
    func `A tensor with a value that is not finite is refused, and the one before is taken`(file: String) throws {
      let run = try SpoiledRun()
      var data = try run.read(file)
      data.replaceSubrange(data.count - 4..<data.count, with: withUnsafeBytes(of: Float.nan) { Data($0) })
      try run.spoil(file, data)
      var reports: [String] = []
      let path = URL(filePath: run.checkpoints).deletingLastPathComponent().path
      let saved = try SavedModel(at: path) { reports.append($0) }
      #expect(saved.step == 5 && reports.count == 1)
      for fragment in ["step-00000010/\(file)", "The tensor ", "nan"] { #expect(reports[0].contains(fragment)) }
      let failure = try #require(throws: Failure.self) { _ = try SavedModel(at: run.newest) }
      #expect(failure.kind == .badData && failure.message.contains("The tensor "))
      #expect(try run.rehearse() == "The run would go on after step 5.")
      try run.removeOlder()
      let total = try #require(refusal(run))
      #expect(total.kind == .badData && total.message.contains(file) && total.message.contains("The tensor "))
    }

    @Test func `Counts of windows whose tokens overflow are refused, whatever is done with the checkpoint`() throws {
      let run = try SpoiledRun()
      var state = try #require(try JSONSerialization.jsonObject(with: run.read("state.json")) as? [String: Any])
      let cursors = try #require(state["cursors"] as? [Int])
      state["cursors"] = cursors.map { _ in 1 << 52 }
      try run.spoil("state.json", JSONSerialization.data(withJSONObject: state))
      let failure = try #require(throws: Failure.self) { _ = try SavedModel(at: run.newest) }
      #expect(failure.kind == .badData && failure.message.contains("state.json: the key cursors has more tokens"))
    }

    @Test func `Files that are missing or not in the manifest, and a changed manifest, are found`() throws {
      let run = try SpoiledRun()
      try run.removeOlder()
      func expect(_ fragments: String..., after change: () throws -> Void) throws {
        let copy = run.newest + ".copy"
        try FileManager.default.copyItem(atPath: run.newest, toPath: copy)
        try change()
        let failure = refusal(run)
        #expect(failure?.kind == .badData, "\(fragments)")
        for fragment in fragments { #expect(failure?.message.contains(fragment) == true, "\(failure?.message ?? "")") }
        try FileManager.default.removeItem(atPath: run.newest)
        try FileManager.default.moveItem(atPath: copy, toPath: run.newest)
      }
      for file in ["model.safetensors", "optimizer.safetensors", "state.json", "method.json"] {
        try expect(file, "missing") { try FileManager.default.removeItem(atPath: "\(run.newest)/\(file)") }
        try expect(file, "missing") {
          try FileManager.default.removeItem(atPath: "\(run.newest)/\(file)")
          try CheckpointManifest.seal(run.newest)
        }
      }
      try expect("direction.safetensors", "is not in the checkpoint's manifest") {
        try Data("x".utf8).write(to: URL(filePath: run.newest + "/direction.safetensors"))
      }
      let manifest = run.newest + "/manifest.json"
      let text = try String(contentsOfFile: manifest, encoding: .utf8)
      for changed in [text.replacing("\n}", with: " \n}"), text.replacing("\"checksum\"", with: "\"checksun\"")] {
        try expect("manifest.json") { try Data(changed.utf8).write(to: URL(filePath: manifest)) }
      }
      // The version before had no checksum of its own.
      let earlier = text.replacing("\"version\" : 4", with: "\"version\" : 2").split(separator: "\n").enumerated()
        .filter { $0.offset != 1 }.map(\.element).joined(separator: "\n")
      try Data(earlier.utf8).write(to: URL(filePath: manifest))
      #expect(refusal(run) == nil)
      // What no reader would open may lie there.
      try Data("mine".utf8).write(to: URL(filePath: run.newest + "/notes.txt"))
      #expect(refusal(run) == nil)
    }

    @Test func `Only the run's own checkpoints are pruned, and damaged ones do not count among those kept`() throws {
      let run = try SpoiledRun()
      let files = FileManager.default
      func path(_ name: String) -> String { "\(run.checkpoints)/\(name)" }
      try files.createDirectory(atPath: path("step-00000001"), withIntermediateDirectories: true)
      try Data("precious".utf8).write(to: URL(filePath: path("step-00000001/mine")))
      try Data("precious".utf8).write(to: URL(filePath: path("step-00000005/mine")))
      // The newest one is damaged, so the run goes on after step 5 and comes to step 10 again.
      try Data("x".utf8).write(to: URL(filePath: path("step-00000010/state.json")))
      _ = try run.go(steps: 20)
      let names = try files.contentsOfDirectory(atPath: run.checkpoints).sorted()
      #expect(
        names == [
          "latest", "step-00000001", "step-00000005", "step-00000010.damaged", "step-00000015", "step-00000020",
        ])
      #expect(files.contents(atPath: path("step-00000001/mine")) == Data("precious".utf8))
      #expect(files.contents(atPath: path("step-00000005/mine")) == Data("precious".utf8))
      #expect(try String(contentsOfFile: path("latest"), encoding: .utf8) == "step-00000020\n")
    }

    // MARK: Mutations

    /// Every list, number and key in a JSON tree.
    private static func places(in tree: Any) -> [Place] {
      var places: [Place] = [[]]
      if let object = tree as? [String: Any] {
        for (key, value) in object { places += Self.places(in: value).map { [key] + $0 } }
      } else if let array = tree as? [Any] {
        // All elements of a list are alike.
        for index in Set([0, array.count - 1]) where array.indices.contains(index) {
          places += Self.places(in: array[index]).map { [index] + $0 }
        }
      }
      return places
    }

    /// The value at a place changed in several ways, and whether each has to be refused.
    private static func mutations(of tree: Any, at place: Place) -> [(tree: Any, isWrong: Bool)] {
      let value = value(in: tree, at: place)
      func with(_ other: Any) -> Any { replacing(place[...], in: tree, by: other) }
      switch value {
      case let array as [Any]:
        let shorter = array.isEmpty ? [] : [(with(Array(array.dropLast())), !mayBeShorter(place))]
        return shorter + [(with(array + array + [array.first ?? 1]), false), (with([Any]()), false)]
      case is [String: Any]: return [(with([String: Any]()), false), (with(NSNull()), false)]
      case let number as NSNumber where CFBooleanCheck.isBoolean(number): return [(with(!number.boolValue), false)]
      case let number as NSNumber:
        return [
          (with(1e308), true), (with(-1e300), true), (with(9_007_199_254_740_992 as Int), true),
          (with(-7), false), (with(0), false), (with(number.doubleValue * 1000 + 3), false),
        ]
      default: return [(with(NSNull()), false), (with("nan"), false)]
      }
    }

    /// Points of a history are as many as there happen to be.
    private static func mayBeShorter(_ place: Place) -> Bool { place.last as? String == "points" }

    private static func value(in tree: Any, at place: Place) -> Any? {
      place.reduce(tree as Any?) { tree, part in
        if let key = part as? String { return (tree as? [String: Any])?[key] }
        return (part as? Int).flatMap { (tree as? [Any])?[$0] }
      }
    }

    private static func replacing(_ place: ArraySlice<any Sendable>, in tree: Any, by value: Any) -> Any {
      guard let part = place.first else { return value }
      if let key = part as? String, var object = tree as? [String: Any] {
        object[key] = replacing(place.dropFirst(), in: object[key]!, by: value)
        return object
      }
      guard let index = part as? Int, var array = tree as? [Any] else { return tree }
      array[index] = replacing(place.dropFirst(), in: array[index], by: value)
      return array
    }
  }
}

/// Tells JSON's `true` from its 1.
private enum CFBooleanCheck {
  static func isBoolean(_ number: NSNumber) -> Bool { String(cString: number.objCType) == "c" }
}
