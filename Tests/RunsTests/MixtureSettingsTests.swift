import Failures
import Foundation
import Mixing
import Runs
import Settings
import Testing

/// The method of a run, made when its domains are known.
struct MixtureSettingsTests {
  private static let facts = RunFacts(domains: ["twin", "upper", "digits"], tokens: [100, 300, 600])

  private func start(_ mixture: String) throws -> [Double] {
    try describe("mixture: \(mixture)").mixture.makeMethod(for: Self.facts).start.values
  }

  private func isNear(_ values: [Double], _ expected: [Double]) -> Bool {
    values.count == expected.count && zip(values, expected).allSatisfy { abs($0 - $1) < 1e-12 }
  }

  @Test func `A method starts from its weights`() throws {
    #expect(isNear(try start("{method: uniform}"), [1 / 3.0, 1 / 3.0, 1 / 3.0]))
    #expect(isNear(try start("{method: natural}"), [0.1, 0.3, 0.6]))
    #expect(isNear(try start("{method: fixed, weights: {upper: 1, twin: 3}}"), [0.75, 0.25, 0]))
    #expect(isNear(try start("{}"), [1 / 3.0, 1 / 3.0, 1 / 3.0]))
    #expect(isNear(try start("{prior: {digits: 1, twin: 1}}"), [0.5, 0, 0.5]))
  }

  @Test func `Scores predict changes along preconditioned gradients of all layers alone`() {
    var settings = SteeringSettings()
    #expect(!settings.isPredictive)
    settings.direction.preconditioned = true
    #expect(settings.isPredictive)
    settings.estimator = .lastLayer
    #expect(!settings.isPredictive)
  }

  @Test func `Weights of another run are read from its file or its directory`() throws {
    let directory = NSTemporaryDirectory() + "run-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    func write(_ names: [String], _ shares: [Double]) throws {
      let weights = Weights(proportionalTo: shares)!
      let text = try MixtureFile.text(DomainNames(names), weights: weights, final: .uniform(names.count))
      try Data(text.utf8).write(to: URL(fileURLWithPath: directory + "/mixture.json"))
    }
    try write(["twin", "upper", "digits"], [2, 1, 1])
    for path in [directory, directory + "/mixture.json"] {
      #expect(try start("{method: fixed, file: \(path)}") == [0.5, 0.25, 0.25])
      #expect(try start("{prior: \(path)}") == [0.5, 0.25, 0.25])
    }

    try write(["upper", "twin"], [2, 1])
    expectFailure(mentioning: [":4: mixture.prior: ", "no weight for digits, which the corpus has"]) {
      _ = try start("{prior: \(directory)}")
    }
    try write(["a \"b\\ é"], [1])
    let names = try JSONDecoder().decode(
      MixtureFile.self, from: Data(contentsOf: URL(fileURLWithPath: directory + "/mixture.json"))
    ).weights
    #expect(names == ["a \"b\\ é": 1])
    try write(["digit"], [1])
    expectFailure(mentioning: [":4: mixture.file: ", "no domain `digit`; did you mean `digits`?"]) {
      _ = try start("{method: fixed, file: \(directory)}")
    }
    expectFailure(mentioning: [":4: mixture.prior: ", "did you mean `digits`?"]) {
      _ = try start("{prior: \(directory)}")
    }
    try Data("run: x\n".utf8).write(to: URL(fileURLWithPath: directory + "/mixture.json"))
    expectFailure(.badData, mentioning: [":4: mixture.file: ", "is no mixture.json of a run"]) {
      _ = try start("{method: fixed, file: \(directory)}")
    }
    expectFailure(.missingInput, mentioning: [":4: mixture.prior: ", "no readable file", "none/mixture.json"]) {
      _ = try start("{prior: \(directory)/none/mixture.json}")
    }
  }

  @Test func `Weights that do not fit are refused with the place of their key`() throws {
    expectFailure(mentioning: [":4: mixture.weights: ", "no domain `uper`; did you mean `upper`?"]) {
      _ = try start("{method: fixed, weights: {twin: 1, uper: 2}}")
    }
    expectFailure(mentioning: [":4: mixture.weights: ", "at least one weight"]) {
      _ = try start("{method: fixed, weights: {twin: 0}}")
    }
    #expect(isNear(try start("{method: fixed, weights: {twin: 1e308, upper: 1e308}}"), [0.5, 0.5, 0]))
    let large = "{method: fixed, weights: {twin: 1e308, upper: 1e308, digits: 1e308}}"
    #expect(isNear(try start(large), [1 / 3.0, 1 / 3.0, 1 / 3.0]))
    expectFailure(mentioning: [":4: mixture.weights: ", "`weights: {domain: share"]) {
      _ = try start("{method: fixed}")
    }
    expectFailure(mentioning: [":4: mixture.prior: ", "`tiwn`; did you mean `twin`?"]) {
      _ = try start("{prior: {tiwn: 1}}")
    }
  }

  @Test func `A basis, a tree or a histogram that is not there is refused with the place of its key`() throws {
    expectFailure(mentioning: [":4: mixture.basis: ", "`unifrom` is neither", "did you mean `uniform`?"]) {
      _ = try start("{basis: [natural, unifrom]}")
    }
    expectFailure(mentioning: [":4: mixture.basis: ", "no tree of domains, so there is no `level1`"]) {
      _ = try start("{basis: [level1]}")
    }
    expectFailure(mentioning: [":4: mixture.coefficients: ", "`naturl`; did you mean `natural`?"]) {
      _ = try start("{basis: [natural, uniform], coefficients: {naturl: 1}}")
    }
    expectFailure(mentioning: [":4: mixture.shrink: ", "no tree of domains to shrink scores along"]) {
      _ = try start("{shrink: tree}")
    }
    var facts = Self.facts
    facts.targets = [Share("t", 1)]
    facts.targetNames = ["t"]
    for (mixture, key) in [
      ("{method: importance}", "method"), ("{basis: [target]}", "basis"), ("{basis: [t]}", "basis"),
    ] {
      expectFailure(mentioning: [":4: mixture.\(key): ", "the histogram of t is without support"]) {
        _ = try describe("mixture: \(mixture)").mixture.makeMethod(for: facts)
      }
    }
    expectFailure(mentioning: [":4: mixture.prior: ", "add `prior` to the basis"]) {
      _ = try start("{basis: [natural, uniform], prior: {twin: 1}}")
    }
    #expect(isNear(try start("{basis: [natural, uniform]}"), [0.65 / 3, 0.95 / 3, 1.4 / 3]))
  }

  @Test func `Weights of a description made in code are refused with the path of their key`() {
    var run = described()
    run.mixture.prior = .shares([Share("uper", 1)])
    expectFailure(mentioning: ["mixture.prior: the corpus has no domain `uper`; did you mean `upper`?"]) {
      _ = try run.mixture.makeMethod(for: Self.facts)
    }
  }

  @Test func `A file can hold the keys of every method`() throws {
    let file = "mixture: {weights: {twin: 1}, kl: 0.2, smoothing: {memory: 0.5}, exponent: 0.5, epochs: 2}"
    for method in mixingMethods {
      let run = try describe(file, overrides: ["mixture.method=\(method.name)"])
      #expect(run.mixture.method == method.name)
    }
  }
}
