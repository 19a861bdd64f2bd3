import Foundation
import Launching
import Testing

extension CommandLineTests {
  /// `dga benchmark`: figures that can be true, and nothing left behind.
  @Suite struct BenchmarkTests {
    /// What is looked at of the report.
    struct Report: Decodable {
      let machine: Machine
      let ceilings: [String: Double]
      let shapes: [Shape]
      let collectives: [Collective]

      struct Machine: Decodable {
        let blas_kernel, processor: String
        let ranks, nodes, threads_per_rank: Int
      }

      struct Shape: Decodable {
        let name: String
        let sequences_per_rank: Int
        let step: Step
        let kernels: [Kernel]
      }

      struct Step: Decodable {
        let steps, tokens_per_step, peak_resident_bytes: Int
        let tokens_per_second, share_of_sgemm, share_of_sgemm_between_steps, mean_step_seconds: Double
        let part_seconds: [String: Double]
        let first_loss_nats, last_loss_nats: Double
      }

      struct Kernel: Decodable {
        let name: String
        let share_of_sgemm, share_of_bandwidth: Double?
      }

      struct Collective: Decodable {
        let operation: String
        let bytes: Int
        let seconds, median_seconds, gigabytes_per_second: Double
      }
    }

    private func benchmark(_ launch: Launch, _ arguments: String...) throws -> (report: Report, errors: String) {
      let workshop = try Workshop(build: false)
      try workshop.write("place/empty", "")
      try workshop.remove("place/empty")
      let outcome = try Launching.run(
        launch.command(
          "dga",
          ["benchmark", "--shape", "nano", "--seconds", "0.01", "--json", "--directory", "\(workshop.path)/place"]
            + arguments))
      try #require(outcome.status == 0, "\(outcome.output)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: "\(workshop.path)/place").isEmpty)
      return (
        try JSONDecoder().decode(Report.self, from: Data(outcome.standardOutput.utf8)), outcome.standardError
      )
    }

    @Test(
      "Standard output is one JSON object with shares that can be true; nothing stays in the temporary directory",
      arguments: [Launch.alone, .mpirun(2)])
    func report(launch: Launch) throws {
      let (report, errors) = try benchmark(launch)
      #expect(errors.contains("benchmark: nano: training steps"))
      #expect(report.machine.ranks == launch.size)
      #expect(report.machine.nodes == 1)
      #expect(!report.machine.blas_kernel.isEmpty)
      #expect(report.ceilings.values.allSatisfy { $0 > 0 })

      let shape = try #require(report.shapes.first)
      #expect(shape.name == "nano")
      #expect(shape.sequences_per_rank == 8 / launch.size)
      #expect(shape.step.steps == 5)
      #expect(shape.step.tokens_per_step == 8 * 32)
      #expect(shape.step.tokens_per_second > 0)
      #expect(shape.step.peak_resident_bytes > 1_000_000)
      #expect(shape.step.last_loss_nats < shape.step.first_loss_nats)
      // A product's mean is no better than its best.
      #expect(shape.step.share_of_sgemm_between_steps >= shape.step.share_of_sgemm)
      // The parts are laps of one watch, so they make up the step.
      let parts = shape.step.part_seconds.values.reduce(0, +)
      #expect(abs(parts - shape.step.mean_step_seconds) < 0.01 * shape.step.mean_step_seconds)

      let kernels = shape.kernels.map { $0.share_of_sgemm ?? $0.share_of_bandwidth ?? .nan }
      let shares = kernels + [shape.step.share_of_sgemm, shape.step.share_of_sgemm_between_steps]
      #expect(shares.count == 4 * 3 + 3 + 3 + 2)
      #expect(shares.allSatisfy { $0 > 0 && $0 < 2 })

      #expect(report.collectives.count == (launch.size == 1 ? 0 : 3 * 8))
      #expect(report.collectives.allSatisfy { 0 < $0.seconds && $0.seconds <= $0.median_seconds })
    }

    @Test("Steps, sequences and threads are those asked for")
    func options() throws {
      let (report, _) = try benchmark(.alone, "--steps", "3", "--sequences", "2", "--threads", "2")
      #expect(report.machine.threads_per_rank == 2)
      #expect(report.shapes.map(\.step.steps) == [3])
      #expect(report.shapes.map(\.step.tokens_per_step) == [2 * 32])
    }

    @Test("A wrong shape is refused with the list of shapes", arguments: [Launch.alone, .mpirun(2)])
    func wrongShape(launch: Launch) throws {
      let outcome = try Launching.run(launch.command("dga", ["benchmark", "--shape", "13M"]))
      #expect(outcome.status == 64)
      #expect(outcome.standardOutput.isEmpty)
      #expect(outcome.lines(with: "'13M'; choose from 12M, 124M, 124M-1024").count == 1)
    }

    @Test("A temporary directory that cannot be made is said once", arguments: [Launch.alone, .mpirun(2)])
    func noDirectory(launch: Launch) throws {
      let outcome = try Launching.run(
        launch.command(
          "dga", ["benchmark", "--shape", "nano", "--seconds", "0", "--directory", "/proc/self"]))
      #expect(outcome.status == 73)
      #expect(outcome.lines(with: "error:").count == 1)
      let absent = try Launching.run(launch.command("dga", ["benchmark", "--directory", "/proc/self/nowhere"]))
      #expect(absent.status == 64)
      #expect(absent.lines(with: "there is no directory /proc/self/nowhere").count == 1)
    }
  }
}
