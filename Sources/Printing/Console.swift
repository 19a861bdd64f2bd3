import Failures
import Glibc

/// The two streams of a command: notices for people on standard error, and what was asked for on standard output.
///
/// A notice that cannot be written is dropped, since a full disk under a log or a reader that left is no reason to end
/// a run. A result that cannot be written is a failure, since nobody would miss it otherwise.
public enum Console {
  /// Makes writing safe for as long as the process lives; called before anything else is opened.
  ///
  /// A reader that leaves, or a limit on sizes, is an error of the write, not a signal; and a stream that was closed
  /// from the start is not the next file that is opened, which notices would then be written into.
  public static func prepare() {
    signal(SIGPIPE, SIG_IGN)
    // A file that may not grow is an error of the write, too.
    signal(SIGXFSZ, SIG_IGN)
    for stream in STDIN_FILENO...STDERR_FILENO where fcntl(stream, F_GETFD) == -1 && errno == EBADF {
      // For reading only: a result that is written there still fails.
      _ = open("/dev/null", O_RDONLY)
    }
  }

  /// Writes lines to standard error in one piece, so that those of several ranks do not mix; control characters, as in
  /// the names of files, do not reach the terminal.
  public static func note(_ lines: String) { show(lines.printableLines + "\n") }

  /// Writes text to standard error as it is, such as a part of a moving line.
  public static func show(_ text: String) { _ = write(text, to: STDERR_FILENO, patience: 1000) }

  /// Writes text to standard output.
  ///
  /// - Throws: `Failure(.inputOutput)` with the system's reason.
  public static func print(_ text: String, terminator: String = "\n") throws {
    guard let reason = write(text + terminator, to: STDOUT_FILENO, patience: -1) else { return }
    throw Failure(.inputOutput, "Standard output cannot be written: \(String(cString: strerror(reason))).")
  }

  /// The number of columns of the terminal that standard error is; nil if it is none.
  public static var columns: Int? {
    guard isatty(STDERR_FILENO) == 1 else { return nil }
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Writes all of a text; returns the error that stopped it.
  ///
  /// - Parameter patience: The milliseconds to wait for a reader that takes nothing and does not block; -1 is for ever.
  private static func write(_ text: String, to stream: Int32, patience: Int32) -> Int32? {
    var text = text
    return text.withUTF8 { bytes in
      var done = 0
      while done < bytes.count {
        let count = Glibc.write(stream, bytes.baseAddress! + done, bytes.count - done)
        if count >= 0 {
          done += count
        } else if errno == EAGAIN {
          var wait = pollfd(fd: stream, events: Int16(POLLOUT), revents: 0)
          if poll(&wait, 1, patience) == 0 { return EAGAIN }
        } else if errno != EINTR {
          return errno
        }
      }
      return nil
    }
  }
}
