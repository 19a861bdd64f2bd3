import Failures
import Mixing
import Runs
import Settings
import Testing
import Training

/// What is said of settings before the first step, and the memory that a run asks for.
struct RemarkTests {
  private static func remarks(_ change: (inout RunDescription) -> Void) throws -> [String] {
    try Bench.plan {
      $0.optimizer.warmup = nil
      change(&$0)
    }.remarks
  }

  private static func expect(_ fragments: String..., when change: (inout RunDescription) -> Void) throws {
    let remarks = try remarks(change)
    #expect(remarks.count == 1, "\(remarks)")
    for fragment in fragments { #expect(remarks.first?.contains(fragment) == true, "\(remarks)") }
  }

  @Test func `Settings that all have an effect are not remarked on`() throws {
    #expect(try Self.remarks { _ in }.isEmpty)
    #expect(try Self.remarks { $0.mixture.use(ConstantMixture<UniformWeights>.self) }.isEmpty)
  }

  @Test func `Updates that never come, and warm-up without an end, are said`() throws {
    // An update needs a step after it.
    try Self.expect("mixture.every", "after 12 steps", "never moves") { $0.mixture.every = Quantity(12, .steps) }
    #expect(try Self.remarks { $0.mixture.every = Quantity(11, .steps) }.isEmpty)
    try Self.expect("optimizer.warmup", "100steps", "12 steps", "only rises") {
      $0.optimizer.warmup = Quantity(100, .steps)
    }
    try Self.expect("evaluation.every", "at the end only") { $0.evaluation.every = Quantity(50, .steps) }
  }

  @Test func `Domains that are never read are named`() throws {
    try Self.expect("no weight", "never be read: b, c") {
      $0.mixture.use(ConstantMixture<FixedWeights>.self) { $0.weights = [Share("a", 2)] }
    }
    try Self.expect("never be read: c") { $0.mixture.prior = .shares([Share("a", 1), Share("b", 1)]) }
    // Every domain has its stage.
    #expect(
      try Self.remarks {
        $0.mixture.use(Schedule.self) {
          $0.stages = [
            Schedule.Stage(from: "0", weights: [Share("a", 1)]),
            Schedule.Stage(from: "0.5", weights: [Share("b", 1), Share("c", 1)]),
          ]
        }
      }.isEmpty)
  }

  @Test func `An epoch says how much it is`() throws {
    try Self.expect("1epoch are 144 sequences, of the 147", "read again") { $0.duration = Quantity(1, .epochs) }
  }

  @Test func `What is not said is resolved by the length of the run`() throws {
    let text = try Bench.plan {
      ($0.optimizer.warmup, $0.mixture.every, $0.duration) = (nil, nil, Quantity(40, .steps))
    }.describe()
    #expect(text.contains("warmup: 4steps\n") && text.contains("every: 4steps\n"))
  }

  @Test func `A node's memory is what it has, or a lower limit`() throws {
    let text = "MemTotal:       16384 kB\nMemFree:         1024 kB\nMemAvailable:    8192 kB\n"
    let free = try #require(NodeMemory(meminfo: text, limits: []))
    #expect(free.total == 16_777_216 && free.available == 8_388_608)
    let limited = try #require(NodeMemory(meminfo: text, limits: [9e18, 4e6]))
    #expect(limited.total == 4e6 && limited.available == 4e6)
    #expect(NodeMemory(meminfo: "", limits: []) == nil)
  }

  @Test func `Ranks that need more than their node has are refused, and more than is free is said`() throws {
    let memory = try #require(
      NodeMemory(meminfo: "MemTotal: 24000000 kB\nMemAvailable: 12000000 kB\n", limits: []))
    #expect(try memory.judge(ranks: 2, bytes: 5e9) == nil)
    #expect(try memory.judge(ranks: 2, bytes: 10e9)?.contains("needs 20.0 GB of memory on this node") == true)
    let failure = try #require(throws: Failure.self) {
      try memory.judge(ranks: 2, bytes: 2.411e12, parts: [("parameters", 1_000_000_000)])
    }
    #expect(failure.kind == .badConfiguration)
    for fragment in ["needs 2.4 TB of memory per rank", "parameters 1.0 GB", "2 of them", "has 24.6 GB"] {
      #expect(failure.message.contains(fragment), "\(failure.message)")
    }
  }
}
