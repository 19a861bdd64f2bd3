import Failures
import Foundation

/// The exchange of two directories.
package enum Exchange {
  /// A system call that lets two names change places; its result is 0, or -1 with `errno`.
  package typealias Call = @Sendable (_ one: String, _ other: String) -> Int32

  private typealias RenameAt =
    @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32

  /// Linux's `renameat2` with RENAME_EXCHANGE; the C library's header does not show it to Swift.
  package static let atOnce: Call = { one, other in
    guard let symbol = dlsym(nil, "renameat2") else {
      errno = ENOSYS
      return -1
    }
    return unsafeBitCast(symbol, to: RenameAt.self)(AT_FDCWD, one, AT_FDCWD, other, 2)
  }

  /// Lets two directories change places, in one step where the file system can.
  ///
  /// Elsewhere the old one is renamed twice: a process that is killed in between leaves it under the name of the new
  /// one with `.old` added, from where ``recover(_:from:)`` brings it back.
  ///
  /// - Returns: Whether it was one step.
  /// - Throws: `Failure(.cannotCreate)` with the system's reason; both are then where they were.
  package static func swap(_ new: String, _ old: String, by call: Call = atOnce) throws -> Bool {
    if call(new, old) == 0 { return true }
    guard [EINVAL, ENOSYS, ENOTSUP].contains(errno) else { throw failure(old) }
    guard rename(old, aside(new)) == 0 else { throw failure(old) }
    guard rename(new, old) == 0 else {
      let failure = failure(old)
      rename(aside(new), old)
      throw failure
    }
    rename(aside(new), new)
    return false
  }

  /// Brings back what a killed process had put aside.
  package static func recover(_ old: String, from new: String) {
    var status = stat()
    if lstat(old, &status) != 0 { rename(aside(new), old) }
  }

  private static func aside(_ new: String) -> String { new + ".old" }

  private static func failure(_ path: String) -> Failure {
    Failure(.cannotCreate, "\(path) cannot be replaced: \(String(cString: strerror(errno))).")
  }
}
