import Foundation

/// What watchdogs say to each other: one packet of fixed size, the same on all ranks of a job.
struct WatchdogMessage: BitwiseCopyable {
  enum Kind: UInt32 {
    /// How are you?
    case question
    /// This is my state.
    case answer
    /// I end the job: leave, too.
    case leave
  }

  /// Names the job, so that packets of others are not heard.
  var job: UInt64 = 0
  private var kindNumber: UInt32 = 0
  var from: Int32 = 0
  var to: Int32 = 0
  private var phaseNumber: UInt32 = 0
  var step: Int64 = 0
  /// The number of calls so far.
  var sequence: Int64 = 0
  /// Milliseconds in the present call, -1 if there is none; and in the present phase.
  var waiting: Int64 = -1
  var inPhase: Int64 = 0
  /// The name of the present call, in UTF-8.
  private var name: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

  var kind: Kind? { Kind(rawValue: kindNumber) }
  var phase: Phase { Phase(rawValue: UInt8(truncatingIfNeeded: phaseNumber)) ?? .start }
  var call: String {
    withUnsafeBytes(of: name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  init() {}

  /// Makes a message with the state of this rank.
  init(_ kind: Kind, job: UInt64, from: Int, to: Int, at time: UInt64) {
    self.job = job
    kindNumber = kind.rawValue
    (self.from, self.to) = (Int32(from), Int32(to))
    phaseNumber = UInt32(FlightRecorder.phase.rawValue)
    step = Int64(FlightRecorder.step)
    sequence = Int64(FlightRecorder.sequence)
    let start = FlightRecorder.waitBeginning
    waiting = start == 0 || start > time ? -1 : Int64((time - start) / 1_000_000)
    inPhase = Int64((time - min(time, FlightRecorder.phaseBeginning)) / 1_000_000)
    let call = FlightRecorder.latestCall
    withUnsafeMutableBytes(of: &name) { bytes in
      let count = min(call.utf8CodeUnitCount, bytes.count)
      bytes.copyMemory(from: UnsafeRawBufferPointer(start: call.utf8Start, count: count))
    }
  }

  /// What the rank does, for people.
  var doing: String {
    waiting >= 0
      ? "had waited for \(waiting / 1000) s in \(call) (call \(sequence)), in the phase \(phase.name) of step \(step)"
      : "had been in the phase \(phase.name) of step \(step) for \(inPhase / 1000) s, after call \(sequence)"
  }
}

/// The socket of a watchdog.
struct WatchdogSocket {
  let descriptor: Int32
  let port: UInt16

  /// Opens a socket on a free port; nil if the system has none.
  init?() {
    let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
      }
    }
    guard isBound else {
      close(descriptor)
      return nil
    }
    self.descriptor = descriptor
    port = UInt16(bigEndian: address.sin_port)
  }

  /// Sends a message to all addresses of a rank; whichever arrives serves.
  func send(_ message: WatchdogMessage, to endpoint: Endpoint) {
    for host in endpoint.addresses {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = endpoint.port.bigEndian
      address.sin_addr.s_addr = host
      send(message, to: address)
    }
  }

  /// Sends a message to one address; it may be lost.
  func send(_ message: WatchdogMessage, to address: sockaddr_in) {
    withUnsafeBytes(of: message) { bytes in
      withUnsafePointer(to: address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          _ = sendto(
            descriptor, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT), $0,
            socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
    }
  }

  /// Waits for a message at most so long; nil if none has come. Returns the sender's address, too.
  func receive(within milliseconds: Int32) -> (message: WatchdogMessage, sender: sockaddr_in)? {
    var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&ready, 1, milliseconds) > 0 else { return nil }
    var message = WatchdogMessage()
    var sender = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let count = withUnsafeMutableBytes(of: &message) { bytes in
      withUnsafeMutablePointer(to: &sender) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          recvfrom(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT), $0, &size)
        }
      }
    }
    return count == MemoryLayout<WatchdogMessage>.size ? (message, sender) : nil
  }
}
