import Foundation
import MPI

/// A value that can only be moved, as arenas are.
private struct Owner: ~Copyable {
  let value: Int
}

func checkAgreement(_ world: borrowing Communicator) throws {
  let owner = try world.agree { Owner(value: world.rank) }
  try expect(owner.value, equals: world.rank, "value of the body")

  // Each set of failing ranks, as bits. The lowest one speaks for all, and all hear the same.
  for failing in 1..<1 << world.size {
    let lowest = failing.trailingZeroBitCount
    let everyone = failing == (1 << world.size) - 1
    let text = "rank \(lowest) has no file"
    do {
      try world.agree {
        if failing >> world.rank & 1 == 0 { return }
        throw Refusal(exitCode: 60 + Int32(world.rank), message: "rank \(world.rank) has no file")
      }
      throw WrongValue("ranks \(failing) failed and rank \(world.rank) did not hear of it")
    } catch let failure as AgreedFailure {
      try expect(failure.rank, equals: lowest, "failing rank")
      try expect(failure.exitCode, equals: 60 + Int32(lowest), "exit code")
      try expect(failure.message, equals: everyone ? text : "rank \(lowest): " + text, "message")
    }
  }
  // After a failure the ranks are still in step.
  try expect(try world.allReduce(1, .sum), equals: world.size, "number of ranks")
}

func checkStartUpBanner(_ world: borrowing Communicator) throws {
  try expect(MPI.libraryVersion.hasPrefix("Open MPI v"), equals: true, "start of \(MPI.libraryVersion)")
  try expect(MPI.libraryVersion.contains("\n"), equals: false, "line break in \(MPI.libraryVersion)")
  var name = [CChar](repeating: 0, count: 256)
  gethostname(&name, name.count)
  let host = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  try expect(world.processorName, equals: host, "name of the node")
  try expect(world.threadSupport.rawValue >= ThreadSupport.funneled.rawValue, equals: true, "thread support")
}

/// What ranks share has no name, so that the kernel frees it with the last of them, however they end.
func checkSharedMemory(_ world: borrowing Communicator) throws {
  let maps = try String(contentsOfFile: "/proc/self/maps", encoding: .utf8).split(separator: "\n")
  let shared = maps.filter { $0.contains(" rw-s ") }
  try expect(shared.count { $0.contains("_segment.") }, equals: 0, "named segments in \(shared)")
  // Its own, and those of ranks that it has had messages from.
  try expect(
    shared.contains { $0.contains("/SYSV") }, equals: world.size > 1, "a segment without a name in \(shared)")
}

/// Every rank fails, in its own words: all leave with those of rank 0.
func failTogether(_ world: borrowing Communicator) throws {
  try world.agree { throw Refusal(exitCode: 66, message: "There is no corpus, says rank \(world.rank).") }
}

/// Rank 0 agrees with itself alone, while the others wait for it.
func failInHalf(_ world: borrowing Communicator) throws {
  let half = try world.split(color: min(world.rank, 1))
  try half.agree { if world.rank == 0 { throw Refusal(exitCode: 74, message: "The disk is gone.") } }
  try world.barrier()
}

/// The last rank fails, while the others wait for it.
func failAlone(_ world: borrowing Communicator, with error: any Error) throws {
  if world.rank == world.size - 1 { throw error }
  try world.barrier()
}
