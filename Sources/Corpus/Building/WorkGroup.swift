/// The processes that build a corpus together, such as the ranks of an MPI program.
///
/// They see the same files, by which everything but failures travels from one to the other.
public protocol WorkGroup: ~Copyable {
  /// The number of this process, from 0 on.
  var rank: Int { get }

  /// The number of processes.
  var size: Int { get }

  /// Runs a body on every process, waits for the others, and throws the same error on all if it failed on one.
  func agree<Value: ~Copyable>(_ body: () throws -> Value) throws -> Value
}

/// A process that builds a corpus alone.
struct SingleWorker: WorkGroup {
  let rank = 0
  let size = 1

  func agree<Value: ~Copyable>(_ body: () throws -> Value) throws -> Value { try body() }
}

/// A piece of the work of a build, whose result is a record and files beside it.
protocol WorkPiece {
  /// The record of a piece that is done.
  associatedtype Result: Codable

  /// The name of the record; equal names stand for equal results, whichever build made them.
  var name: String { get }

  /// The bytes to read, by which progress is measured.
  var bytes: Int { get }
}

extension WorkGroup where Self: ~Copyable {
  /// Runs a body on every process and waits for the others; a failure of one ends the work of all.
  func agree<Value>(_ watch: BuildWatch, _ body: () throws -> Value) throws -> Value {
    try agree {
      do {
        return try body()
      } catch {
        watch.directory.abandon()
        throw error
      }
    }
  }

  /// Runs a body on rank 0, for which the others wait.
  func agreeOnRoot(_ watch: BuildWatch, _ body: () throws -> Void) throws {
    try agree(watch) { if rank == 0 { try body() } }
  }

  /// Does pieces of work, each by the process that is free first, and waits until all are done.
  ///
  /// - Parameter work: Does a piece and leaves its result in the directory.
  /// - Throws: the same error on all processes.
  func share<Piece: WorkPiece>(_ pieces: [Piece], by watch: BuildWatch, _ work: (Piece) throws -> Void) throws {
    let directory = watch.directory
    try agree(watch) {
      do {
        for piece in pieces where try directory.claim(piece.name) {
          try watch.check()
          guard directory.finished(piece.name, as: Piece.Result.self, checked: true) == nil else { continue }
          try work(piece)
        }
      } catch is AbandonedWork {
        // Whoever has failed says why.
      }
    }
  }
}
