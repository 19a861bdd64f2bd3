import Failures
import Foundation

/// A lock that dies with the process, however that ends.
///
/// Some file systems have no locks (ENOLCK, ENOSYS). Only "would block" means that another process holds one; after any
/// other error the owner goes on without a lock, and ``warning`` says so.
package final class FileLock {
  private let descriptor: Int32
  /// Why there is no lock, if there is none; a whole sentence.
  package let warning: String?

  /// Takes hold of an open file or directory, which is closed when the lock is gone.
  ///
  /// - Parameters:
  ///   - name: What is locked, for messages.
  ///   - lock: The system's call; another one for tests.
  /// - Returns: Nil, with the descriptor closed, if another process holds the lock.
  package init?(_ descriptor: Int32, of name: String, lock: (Int32, Int32) -> Int32 = { flock($0, $1) }) {
    self.descriptor = descriptor
    var code: Int32 = 0
    repeat {
      code = lock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno
    } while code == EINTR
    warning =
      code == 0
      ? nil
      : "\(name) cannot be locked (\(String(cString: strerror(code)))), so nothing keeps a second process out of it; "
        + "this one is \(Self.process) and goes on."
    if code == EWOULDBLOCK { return nil }
  }

  deinit { close(descriptor) }

  /// Host and process, as other processes and people may look for it.
  package static var process: String {
    "process \(ProcessInfo.processInfo.processIdentifier) on \(ProcessInfo.processInfo.hostName)"
  }
}
