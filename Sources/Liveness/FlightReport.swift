internal import CSignals
import Foundation
import Synchronization

/// The last calls of a rank, and its stack, for the person who looks into why a job hung.
public struct FlightReport {
  let endpoint: Endpoint
  let time: UInt64

  private static let place = Mutex<String?>(nil)

  /// Where reports are written; nil: nowhere, as until a run has its directory.
  static var directory: String? { place.withLock { $0 } }

  /// Lets reports be written into a directory, which is created for the first one.
  public static func setDirectory(_ directory: String) { place.withLock { $0 = directory } }

  init(of endpoint: Endpoint, at time: UInt64) { (self.endpoint, self.time) = (endpoint, time) }

  /// Writes `rank-00003.txt` into a directory, which is created. What cannot be written is left out.
  func write(to directory: String) {
    mkdir(directory, 0o755)
    let name = "rank-" + String(format: "%05d", endpoint.rank) + ".txt"
    let descriptor = open("\(directory)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    _ = Foundation.write(descriptor, bytes, bytes.count)
    if dga_stack_write(descriptor) == 0 {
      let none = Array("The thread that talks to MPI did not answer.\n".utf8)
      _ = Foundation.write(descriptor, none, none.count)
    }
  }

  private var text: String {
    let (phase, step) = (FlightRecorder.phase.name, FlightRecorder.step)
    var text = "\(Date.now.formatted(.iso8601)): \(endpoint.name), phase \(phase) of step \(step)\n\n"
    text += "The last calls; seconds are before this report.\n"
    text += "    call  step  phase       began      took      bytes  peer  name\n"
    for entry in FlightRecorder.entries {
      let began = String(format: "%.6f", Double(time - min(time, entry.start)) * 1e-9)
      let seconds = Double(entry.end - min(entry.end, entry.start)) * 1e-9
      let took = entry.end == 0 ? "waits" : String(format: "%.6f", seconds)
      let cells = [
        ("\(entry.sequence)", 8), ("\(entry.step)", 6), ("  " + entry.phase.name.padding(12), 14), (began, 11),
        (took, 10),
        ("\(entry.bytes)", 11), (entry.peer < 0 ? "all" : "\(entry.peer)", 6),
      ]
      text += cells.map { String(repeating: " ", count: max(0, $1 - $0.count)) + $0 }.joined() + "  \(entry.call)\n"
    }
    return text + "\nThe stack of the thread that talks to MPI:\n"
  }
}

extension String {
  fileprivate func padding(_ length: Int) -> String { self + String(repeating: " ", count: max(0, length - count)) }
}
