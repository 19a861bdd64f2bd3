import Launching
import Testing
import mpi_check

/// Programs that run under `mpirun`, one after the other: they use all cores.
@Suite(.serialized)
struct MPITests {
  @Test(
    "Collectives, splits, requests and agreement give the values worked out by hand",
    arguments: [Launch.alone, .mpirun(1), .mpirun(2), .mpirun(3), .mpirun(4)])
  func values(launch: Launch) throws {
    let names = Check.allCases.filter { $0 != .freedSplits }.map(\.rawValue)
    let outcome = try check(names, launch)
    #expect(outcome.status == 0, "\(outcome.output)")
    #expect(outcome.output.split(separator: "\n").map(String.init) == names)
  }

  /// Eight ranks on two cores take turns, so only what depends on there being eight is tried with them.
  @Test("Messages, parts and the order of sums are right on eight ranks as well")
  func eightRanks() throws {
    let names = [Check.pointToPoint, .allGatherOfParts, .reduceScatterOfParts, .gradientReduction].map(\.rawValue)
    let outcome = try check(names, .mpirun(8))
    #expect(outcome.status == 0, "\(outcome.output)")
    #expect(outcome.output.split(separator: "\n").map(String.init) == names)
  }

  @Test("Communicators that go out of scope give their number back")
  func freedSplits() throws {
    let outcome = try check([Check.freedSplits.rawValue], .alone)
    #expect(outcome.status == 0, "\(outcome.output)")
  }

  @Test("An exit code other than zero reaches the shell", arguments: [Launch.alone, .mpirun(2)])
  func exitCode(launch: Launch) throws {
    let outcome = try check([Ending.exitCode.rawValue], launch)
    #expect(outcome.status == 75, "\(outcome.output)")
  }

  @Test("A failure of all ranks is printed once, and all leave in order", arguments: [Launch.alone, .mpirun(3)])
  func agreedFailure(launch: Launch) throws {
    let outcome = try check([Ending.agreedFailure.rawValue], launch)
    #expect(outcome.status == 66, "\(outcome.output)")
    #expect(outcome.lines(with: "no corpus") == ["There is no corpus, says rank 0."])
    #expect(outcome.lines(with: "MPI_ABORT").isEmpty)
  }

  @Test("A failure that only a part of the world knows of ends the others too", arguments: [2, 3])
  func agreedByHalf(ranks: Int) throws {
    let outcome = try check([Ending.agreedByHalf.rawValue], .mpirun(ranks))
    #expect(outcome.status == 74, "\(outcome.output)")
    #expect(outcome.lines(with: "disk") == ["rank 0: The disk is gone."])
  }

  @Test("A rank that fails alone ends the ranks that wait for it", arguments: [2, 3])
  func failureOfOne(ranks: Int) throws {
    let outcome = try check([Ending.failureOfOne.rawValue], .mpirun(ranks))
    #expect(outcome.status == 65, "\(outcome.output)")
    #expect(outcome.lines(with: "corpus") == ["rank \(ranks - 1): The corpus is damaged."])
  }

  @Test("A world of one prints its failure without a rank and without aborting", arguments: [Launch.alone, .mpirun(1)])
  func failureAlone(launch: Launch) throws {
    let outcome = try check([Ending.failureOfOne.rawValue], launch)
    #expect(outcome.status == 65, "\(outcome.output)")
    #expect(outcome.lines(with: "corpus") == ["The corpus is damaged."])
    #expect(outcome.lines(with: "MPI_ABORT").isEmpty)
  }

  @Test("An error without an exit code describes itself and exits with 70")
  func errorWithoutExitCode() throws {
    let outcome = try check([Ending.errorWithoutExitCode.rawValue], .mpirun(2))
    #expect(outcome.status == 70, "\(outcome.output)")
    #expect(outcome.lines(with: "two") == ["rank 1: two and two is 5"])
  }

  @Test("A call that MPI refuses names the call and gives MPI's text", arguments: [Launch.alone, .mpirun(2)])
  func rootOutOfRange(launch: Launch) throws {
    let outcome = try check([Ending.rootOutOfRange.rawValue], launch)
    #expect(outcome.status == 70, "\(outcome.output)")
    let sentence = "MPI_Bcast failed: MPI_ERR_ROOT: invalid root (code 8)."
    #expect(!outcome.lines(with: sentence).isEmpty, "\(outcome.output)")
  }
}

/// Runs `mpi-check` with the names of what it shall do.
private func check(_ names: [String], _ launch: Launch) throws -> Outcome {
  try run(launch.command("mpi-check", names))
}
