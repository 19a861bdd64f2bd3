/// A failure of some rank that all ranks of a communicator have learnt of.
///
/// Every rank catches the same exit code and message, so whatever it does next, the others do too.
public struct AgreedFailure: ExitCoded {
  /// The lowest rank that failed, in the communicator that agreed.
  public let rank: Int
  /// The exit code of that rank's error.
  public let exitCode: Int32
  /// That rank's message, which says the rank unless all failed.
  public let message: String
  /// How many ranks know: the size of the communicator.
  let informedRanks: Int
  /// Whether this process is the one whose error is described, and so the one to report it.
  let isOurs: Bool
}

extension Communicator {
  /// Runs `body` on every rank and returns its value if it failed on none; else all ranks throw the same error.
  ///
  ///     let corpus = try world.agree { try Corpus(at: path) }
  ///
  /// The body does the work of its own rank only: inside a collective, the others would wait for a rank that failed.
  ///
  /// Collective: every rank calls, with the same count.
  ///
  /// - Throws: `AgreedFailure` with the error of the lowest rank that failed; `MPIError`.
  public func agree<Value: ~Copyable>(_ body: () throws -> Value) throws -> Value {
    let outcome: Result<Value, any Error>
    var status: ExitStatus?
    do {
      outcome = .success(try body())
    } catch {
      outcome = .failure(error)
      status = ExitStatus(of: error)
    }

    let failed: [UInt8] = try allGather(status == nil ? 0 : 1)
    guard let lowest = failed.firstIndex(of: 1) else { return try outcome.get() }

    let exitCode = try broadcast(status?.exitCode ?? 0, root: lowest)
    let text = String(decoding: try broadcast(Array((status?.message ?? "").utf8), root: lowest), as: UTF8.self)
    throw AgreedFailure(
      rank: lowest, exitCode: exitCode, message: failed.contains(0) ? "rank \(lowest): \(text)" : text,
      informedRanks: size, isOurs: rank == lowest)
  }
}
