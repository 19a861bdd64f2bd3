import ArgumentParser
import Kernels
import Liveness
import MPI
import Printing
import Runs
import Training

/// Trains a model; under `mpirun`, on all its ranks.
struct Train: Stoppable {
  static let configuration = CommandConfiguration(
    abstract: "Train a model.",
    usage: "mpirun -np N dga train CONFIG.yaml [key.path=value ...] [--resume] [--dry-run] [--json]")

  @Argument(help: "The run's configuration, YAML or JSON.")
  var file: String

  @Argument(help: "Changes to the configuration, such as optimizer.learning_rate=3e-4.")
  var overrides: [String] = []

  @Flag(help: "Go on from the newest whole checkpoint of the run directory; start if there is none.")
  var resume = false

  @Flag(help: "Check everything, print the resolved configuration, mixture and memory, and stop.")
  var dryRun = false

  @Flag(help: "End with one JSON object on standard output.")
  var json = false

  func run() throws {
    let expected = try? RunDescription(contentsOf: file, overrides: overrides)
    try Ranks.run(expecting: expected, watchedBy: Watchdog.Policy()) { world, watchdog in
      let description = try world.agree {
        var description = try RunDescription(contentsOf: file, overrides: overrides)
        if resume { description.findCorpus() }
        return description
      }
      watchdog?.follow(description)
      var plan = try world.agree {
        Threads.start(description.threads)
        return try RunPlan(
          description, ranks: world.size, report: world.rank == 0 ? SavedModel.warn : { _ in })
      }
      try plan.checkMemory(over: world)
      try plan.locateText(over: world)
      var trainer = try world.agree { try Trainer(plan, rank: world.rank) }
      if dryRun {
        let outlook = try trainer.rehearse(resume: resume, over: world)
        try world.agree { if world.rank == 0 { try Console.print(plan.describe() + "# " + outlook) } }
        return
      }
      let outcome = try trainer.run(resume: resume, over: world)
      try world.agree { if json && world.rank == 0 { try Console.print(JSON.line.text(outcome)) } }
    }
  }
}
