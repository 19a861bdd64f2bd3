import Configuration
import Foundation

/// A file being written, which appears under its name only when it is complete and on disk.
///
/// Bytes go to `<path>.partial`; ``commit()`` renames it. A file that is given up on is removed.
struct OutputFile: ~Copyable {
  /// The name it will have.
  let path: String
  /// The number of bytes written so far.
  private(set) var offset = 0

  private let partial: String
  private let descriptor: Int32
  private var isCommitted = false

  /// Creates the file, or empties what an earlier process left unfinished.
  ///
  /// - Throws: `Failure(.cannotCreate)`.
  init(_ path: String) throws(Failure) {
    let partial = path + ".partial"
    let descriptor = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      throw Failure(.cannotCreate, "The file \(path) cannot be created: \(String(cString: strerror(errno))).")
    }
    self.path = path
    self.partial = partial
    self.descriptor = descriptor
  }

  deinit {
    close(descriptor)
    if !isCommitted { unlink(partial) }
  }

  /// Appends bytes, however few the system takes at a time.
  ///
  /// - Throws: `Failure(.inputOutput)` with the offset, for a full disk in particular.
  mutating func write(_ bytes: RawSpan) throws(Failure) {
    var done = 0
    while done < bytes.byteCount {
      let written = bytes.withUnsafeBytes { all in
        Foundation.write(descriptor, all.baseAddress! + done, all.count - done)
      }
      if written > 0 {
        done += written
        offset += written
      } else if written == 0 || errno != EINTR {
        throw failure("written", code: written == 0 ? EIO : errno)
      }
    }
  }

  /// Brings everything to disk and gives the file its name.
  ///
  /// - Throws: `Failure(.inputOutput)`; the name then still means what it meant before.
  mutating func commit() throws(Failure) {
    guard fsync(descriptor) == 0 else { throw failure("brought to disk", code: errno) }
    guard rename(partial, path) == 0 else { throw failure("renamed from \(partial)", code: errno) }
    isCommitted = true
    // The name is on disk when its directory is.
    let parent = (path as NSString).deletingLastPathComponent
    let directory = open(parent.isEmpty ? "." : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { return }
    fsync(directory)
    close(directory)
  }

  private func failure(_ action: String, code: Int32) -> Failure {
    let advice = code == ENOSPC || code == EDQUOT ? " Free some space or choose another disk." : ""
    return Failure(
      .inputOutput,
      "The file \(path) cannot be \(action) at offset \(offset): \(String(cString: strerror(code))).\(advice)")
  }
}
