import Liveness
import MPI
import Runs

extension Watchdog {
  /// Starts to watch the ranks of a job; nil if there is only one, or the system has no socket for it on some rank.
  ///
  /// Collective: every rank calls.
  ///
  /// - Throws: `MPIError`.
  public static func started(over world: borrowing Communicator) throws -> Watchdog? {
    defer { joined() }
    guard world.size > 1 else { return nil }
    let watchdog = Watchdog(rank: world.rank, host: world.processorName)
    let endpoints = try world.allGather(watchdog?.own.encoded ?? []).compactMap(Endpoint.init)
    let job = try world.broadcast(UInt64.random(in: 1...UInt64.max))
    guard let watchdog, endpoints.count == world.size else { return nil }
    watchdog.start(with: endpoints, job: job)
    return watchdog
  }

  /// Sees to it that the ranks of a job find each other within five minutes, or the limit of a run if it has one.
  ///
  /// Call it before MPI is joined.
  public static func expectWorld(of description: RunDescription? = nil) {
    expectStart(within: description?.watchdog.limit?.seconds.map { max(2, $0) } ?? 300)
  }

  /// Goes by the settings of a run from now on.
  public func follow(_ description: RunDescription) {
    setPolicy { policy in
      policy.limit = description.watchdog.limit?.seconds
      policy.waitsForDebugger = description.watchdog.debugger
    }
  }
}
