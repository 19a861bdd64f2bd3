import Foundation
import Storage

/// Whether a run is alive.
public enum RunLock {
  /// Tells whether another process holds the lock of a run directory; false if there is no such directory.
  public static func isHeld(_ directory: String) -> Bool {
    let descriptor = open("\(directory)/lock", O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    return FileLock(descriptor, of: "\(directory)/lock") == nil
  }
}
