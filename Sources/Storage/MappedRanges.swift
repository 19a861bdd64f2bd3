import Foundation
import Synchronization

/// The addresses at which files are mapped, for the moment when one of them has become shorter.
///
/// Reading the lost part of a mapped file is a signal (SIGBUS), not an error. The handler looks the address up in a
/// table of fixed size, writes the sentence that was prepared for that file, and ends the process with 74. For any
/// other address the earlier handler gets the signal back. It allocates nothing and takes no lock.
enum MappedRanges {
  private struct Entry {
    var start: UInt = 0, end: UInt = 0
    var sentence = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  }

  /// Everything the handler reads; it lives as long as the process.
  private struct Table: @unchecked Sendable {
    static let capacity = 1024
    let entries: UnsafeMutablePointer<Entry>
    let prefix: UnsafeMutablePointer<UnsafeMutableRawBufferPointer>
    let earlier: UnsafeMutablePointer<sigaction>

    init() {
      entries = .allocate(capacity: Self.capacity)
      entries.initialize(repeating: Entry(), count: Self.capacity)
      prefix = .allocate(capacity: 1)
      prefix.initialize(to: copied("error: "))
      earlier = .allocate(capacity: 1)
      earlier.initialize(to: sigaction())
      var action = sigaction()
      action.sa_flags = SA_SIGINFO
      action.__sigaction_handler.sa_sigaction = { _, info, _ in MappedRanges.handle(info) }
      sigaction(SIGBUS, &action, earlier)
    }
  }

  private static let table = Table()
  private static let changes = Mutex(())

  /// Says which process this is, at the beginning of the sentence.
  static func setPrefix(_ text: String) {
    changes.withLock { _ in
      let old = table.prefix.pointee
      table.prefix.pointee = copied(text)
      old.deallocate()
    }
  }

  /// Notes a mapping, with the sentence to say if it can no longer be read.
  static func insert(_ bytes: UnsafeRawBufferPointer, sentence: String) {
    changes.withLock { _ in
      for place in 0..<Table.capacity where table.entries[place].start == 0 {
        let start = UInt(bitPattern: bytes.baseAddress)
        table.entries[place].sentence = copied(sentence + "\n")
        table.entries[place].end = start + UInt(bytes.count)
        table.entries[place].start = start
        return
      }
    }
  }

  /// Forgets a mapping.
  static func remove(_ bytes: UnsafeRawBufferPointer) {
    changes.withLock { _ in
      for place in 0..<Table.capacity where table.entries[place].start == UInt(bitPattern: bytes.baseAddress) {
        table.entries[place].start = 0
        table.entries[place].sentence.deallocate()
        return
      }
    }
  }

  private static func copied(_ text: String) -> UnsafeMutableRawBufferPointer {
    let bytes = Array(text.utf8)
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    copy.copyBytes(from: bytes)
    return copy
  }

  /// Runs inside the signal.
  private static func handle(_ info: UnsafeMutablePointer<siginfo_t>?) {
    let address = UInt(bitPattern: info?.pointee._sifields._sigfault.si_addr)
    for place in 0..<Table.capacity {
      let entry = table.entries[place]
      guard entry.start != 0, entry.start <= address, address < entry.end else { continue }
      let prefix = table.prefix.pointee
      var parts = (
        iovec(iov_base: prefix.baseAddress, iov_len: prefix.count),
        iovec(iov_base: entry.sentence.baseAddress, iov_len: entry.sentence.count)
      )
      withUnsafePointer(to: &parts) {
        _ = $0.withMemoryRebound(to: iovec.self, capacity: 2) { writev(STDERR_FILENO, $0, 2) }
      }
      _exit(74)
    }
    // Not ours: the instruction runs again and meets whoever was responsible before.
    sigaction(SIGBUS, table.earlier, nil)
  }
}
