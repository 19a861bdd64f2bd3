import MPI

/// What must give the values worked out by hand, on any number of ranks.
package enum Check: String, CaseIterable, Sendable {
  case allReduce, blocks, reduceScatter, allGather, broadcast, barrier
  case split, splitByNode, freedSplits
  case requestGroup, droppedGroup
  case pointToPoint, allGatherOfParts, reduceScatterOfParts, gradientReduction
  case estimators
  case agreement, startUpBanner, sharedMemory

  func run(on world: borrowing Communicator) throws {
    // The same values must come out when buffers are cut into many calls.
    let whole = try world.split(color: 0)
    let cut = try world.split(color: 0, elementsPerCall: 3)
    let inLongerPieces = try world.split(color: 0, elementsPerCall: 1000)
    switch self {
    case .allReduce: try checkAllReduce(whole); try checkAllReduce(cut)
    case .blocks: try checkBlocks(world)
    case .reduceScatter: try checkReduceScatter(whole); try checkReduceScatter(cut)
    case .allGather: try checkAllGather(whole); try checkAllGather(cut)
    case .broadcast: try checkBroadcast(whole); try checkBroadcast(cut)
    case .barrier: try checkBarrier(world)
    case .split: try checkSplit(world)
    case .splitByNode: try checkSplitByNode(world)
    case .freedSplits: try checkFreedSplits(world)
    case .requestGroup: try checkRequestGroup(cut)
    case .droppedGroup: try checkDroppedGroup(cut)
    case .pointToPoint: try checkPointToPoint(whole); try checkPointToPoint(cut)
    case .allGatherOfParts: try checkAllGatherOfParts(whole); try checkAllGatherOfParts(cut)
    case .reduceScatterOfParts: try checkReduceScatterOfParts(whole); try checkReduceScatterOfParts(cut)
    case .gradientReduction: try checkGradientReduction(whole); try checkGradientReduction(inLongerPieces)
    case .estimators: try checkEstimators(world)
    case .agreement: try checkAgreement(world)
    case .startUpBanner: try checkStartUpBanner(world)
    case .sharedMemory: try checkSharedMemory(world)
    }
  }
}

/// How a program can end other than by success.
package enum Ending: String, CaseIterable, Sendable {
  case exitCode, agreedFailure, agreedByHalf, failureOfOne, errorWithoutExitCode, rootOutOfRange

  func run(on world: borrowing Communicator) throws -> Int32 {
    switch self {
    case .exitCode: return 75
    case .agreedFailure: try failTogether(world)
    case .agreedByHalf: try failInHalf(world)
    case .failureOfOne: try failAlone(world, with: Refusal(exitCode: 65, message: "The corpus is damaged."))
    case .errorWithoutExitCode: try failAlone(world, with: WrongValue("two and two is 5"))
    case .rootOutOfRange: _ = try world.broadcast(1.0, root: world.size)
    }
    return 0
  }
}

/// A value that a check found to be wrong.
struct WrongValue: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// An error with an exit code, as programs have them.
struct Refusal: ExitCoded {
  let exitCode: Int32
  let message: String
}

/// Throws unless a value is the one worked out by hand.
func expect<Value: Equatable>(_ value: Value, equals expected: Value, _ what: @autoclosure () -> String) throws {
  guard value == expected else { throw WrongValue("\(what()) is \(value) and should be \(expected)") }
}
