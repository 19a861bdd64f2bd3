import Mixing
import Settings
import Testing

private let facts = RunFacts(domains: ["a", "b"], tokens: [300, 100], steps: 100, tokensPerStep: 10)

private func schedule(_ stages: [Schedule.Stage], _ interpolation: Schedule.Interpolation = .step) throws -> Schedule {
  var settings = Schedule.Settings()
  (settings.stages, settings.interpolation) = (stages, interpolation)
  return try Schedule(settings, for: facts)
}

@Suite struct ScheduleTests {
  private let stages = [
    Schedule.Stage(from: "0", method: "uniform"),
    Schedule.Stage(from: "205tokens", weights: [Share("a", 3), Share("b", 1)]),
    Schedule.Stage(from: "0.5", weights: [Share("b", 2)]),
  ]

  @Test func `Weights change at the starts of stages, in steps, tokens or shares of the run`() throws {
    var method = try schedule(stages)
    #expect(method.start == .uniform(2))
    let moves = (1...100).filter { method.wants(before: $0) != [] }
    #expect(moves == [22, 51])
    #expect(method.wants(before: 22) == [.weights])
    #expect(method.move(after: 21, from: .uniform(2))?.weights.values == [0.75, 0.25])
    #expect(method.move(after: 50, from: .uniform(2))?.weights.values == [0, 1])
    #expect(method.summary == "stages from 0steps, 21steps, 50steps" && !method.everWants(upTo: 100).isEmpty)
  }

  @Test func `Weights in between are in proportion to steps`() throws {
    var method = try schedule(stages, .linear)
    let moves = (1...100).filter { method.wants(before: $0) != [] }
    #expect(moves == Array(2...51))
    func weights(_ step: Int) -> [Double] { method.move(after: step, from: .uniform(2))?.weights.values ?? [] }
    #expect(error(weights(7), [0.5 + 0.25 / 3, 0.5 - 0.25 / 3]) < 1e-15)
    #expect(error(weights(21), [0.75, 0.25]) < 1e-15)
    #expect(error(weights(22), [0.75 - 0.75 / 29, 0.25 + 0.75 / 29]) < 1e-15)
    #expect(weights(50) == [0, 1])
  }

  @Test func `A single stage never moves`() throws {
    for interpolation in Schedule.Interpolation.allCases {
      let method = try schedule([Schedule.Stage(from: "0", method: "natural")], interpolation)
      #expect(method.everWants(upTo: 100).isEmpty && method.start.values == [0.75, 0.25])
    }
  }

  @Test func `Stages that cannot be are refused with a reason`() throws {
    func refused(_ stages: [Schedule.Stage], _ reason: String, sourceLocation: SourceLocation = #_sourceLocation) {
      #expect(sourceLocation: sourceLocation) {
        try schedule(stages)
      } throws: {
        ($0 as? SettingFault)?.key == "stages" && ($0 as? SettingFault)?.message.contains(reason) == true
      }
    }
    let first = Schedule.Stage(from: "0", method: "uniform")
    refused([], "at least one")
    refused([Schedule.Stage(from: "5steps", method: "uniform")], "from 0, not 5steps")
    refused([first, Schedule.Stage(from: "0.1steps", method: "natural")], "no start")
    refused(
      [first, Schedule.Stage(from: "20steps", method: "natural"), Schedule.Stage(from: "0.2", method: "natural")],
      "stage 3")
    refused([Schedule.Stage(from: "0")], "stage 1 is to have one of")
    refused([Schedule.Stage(from: "0", file: "a", method: "uniform")], "stage 1 is to have one of")
    refused([Schedule.Stage(from: "0", weights: [Share("c", 1)])], "no domain `c`")
    refused([Schedule.Stage(from: "0", method: "doge")], "'doge'")
  }

  @Test func `A schedule is read from its keys`() throws {
    let settings = try Schedule.Settings(given: [
      "interpolation": "linear",
      "stages": [["from": "0", "method": "uniform"], ["from": "9steps", "file": "runs/a"]],
    ])
    #expect(settings.interpolation == .linear && settings.stages[1] == Schedule.Stage(from: "9steps", file: "runs/a"))
    for bad: [String: Any] in [
      ["from": "1.5"], ["from": "2epochs"], ["from": "soon"], ["from": "-1"], ["method": "doge"],
    ] {
      #expect(throws: GivenKeys.Failure.self) { try Schedule.Settings(given: ["stages": [bad]]) }
    }
  }

  @Test func `Whoever goes on in the middle goes on with the stage's weights`() throws {
    let method = try schedule(stages, .linear)
    var (straight, resumed) = (Mixture(method), Mixture(method))
    for step in 1...30 { _ = straight.move(after: step) }
    resumed.restore(straight.state)
    try resumed.restoreMethod(from: JSONState(of: straight.method))
    for step in 31...60 {
      _ = straight.move(after: step)
      _ = resumed.move(after: step)
    }
    #expect(straight.state == resumed.state)
  }
}
