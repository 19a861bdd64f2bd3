import Foundation

/// A fault that somebody orders, to see what the program makes of it.
public struct Fault: Sendable, Equatable {
  /// What happens.
  public enum Kind: String, CaseIterable, Sendable {
    /// The rank's process is killed, as by `kill -9`.
    case kill
    /// The rank's process is stopped, as by `kill -STOP`.
    case stop
    /// The rank sleeps.
    case delay
    /// A gradient of the rank becomes NaN.
    case nan
    /// One bit of the rank's memory changes.
    case flip
    /// The rank's files cannot grow any more.
    case fullDisk = "full_disk"
    /// The rank's connections to other hosts are cut; it neither sends nor answers any more.
    case lostLink = "lost_link"

    /// Whether it happens to the process, not to memory that somebody has to hand over.
    var isOfProcess: Bool { self != .nan && self != .flip }
  }

  /// What a flipped bit belongs to.
  public enum Memory: String, CaseIterable, Sendable {
    /// The model's parameters, of which each rank has a copy.
    case parameters
    /// Running means of gradients, of which each rank has its own part.
    case firstMoments = "first_moments"
    /// Running means of squared gradients, likewise.
    case secondMoments = "second_moments"
  }

  /// What happens.
  public var kind: Kind
  /// The step in which it happens.
  public var step: Int
  /// The phase at whose beginning it happens.
  public var phase: Phase
  /// The length of a delay.
  public var seconds = 0.0
  /// What a flipped bit belongs to.
  public var memory = Memory.parameters
  /// The element whose bit is flipped, counted from the memory's start and around its end.
  public var element = 0
  /// The bit that is flipped, 0 to 31 from the lowest.
  public var bit = 12

  /// Describes a fault.
  public init(_ kind: Kind, step: Int, phase: Phase) {
    (self.kind, self.step, self.phase) = (kind, step, phase)
  }
}

/// The faults that have been ordered for this rank. There are none unless a configuration asks for them.
public enum Faults {
  nonisolated(unsafe) private static var ordered: [Fault] = []

  /// Orders faults, before the first step.
  public static func order(_ faults: [Fault]) { ordered = faults }

  /// Lets those happen that are due, but for those which only the owner of the memory can carry out.
  static func trigger(at phase: Phase, step: Int) {
    if ordered.isEmpty { return }
    while let place = ordered.firstIndex(where: { $0.step == step && $0.phase == phase && $0.kind.isOfProcess }) {
      happen(ordered.remove(at: place))
    }
  }

  /// Takes the next fault of a kind that is due in a step, for the owner of the memory to carry out; nil if there is
  /// none.
  public static func take(_ kind: Fault.Kind, step: Int) -> Fault? {
    guard let place = ordered.firstIndex(where: { $0.kind == kind && $0.step == step }) else { return nil }
    return ordered.remove(at: place)
  }

  private static func happen(_ fault: Fault) {
    switch fault.kind {
    case .kill: raise(SIGKILL)
    case .stop: raise(SIGSTOP)
    case .delay: Thread.sleep(forTimeInterval: fault.seconds)
    case .fullDisk:
      signal(SIGXFSZ, SIG_IGN)
      var none = rlimit(rlim_cur: 0, rlim_max: 0)
      setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &none)
    case .lostLink:
      cutConnections()
      while true { pause() }
    case .nan, .flip: break
    }
  }

  /// Shuts down every connection to another host, and deafens the watchdog's socket.
  private static func cutConnections() {
    for descriptor in Int32(3)..<1024 {
      var type: Int32 = 0
      var size = socklen_t(MemoryLayout<Int32>.size)
      guard getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 else { continue }
      var own = sockaddr_in()
      var peer = sockaddr_in()
      guard address(of: descriptor, &own, getsockname) else { continue }
      if type == Int32(SOCK_DGRAM.rawValue) {
        dup2(socket(AF_INET, type, 0), descriptor)
      } else if address(of: descriptor, &peer, getpeername), UInt32(bigEndian: peer.sin_addr.s_addr) >> 24 != 127 {
        shutdown(descriptor, Int32(SHUT_RDWR))
      }
    }
  }

  /// Asks for an IPv4 address of a socket; false if it has none.
  private static func address(
    of descriptor: Int32, _ address: inout sockaddr_in,
    _ ask: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
  ) -> Bool {
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isKnown = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { ask(descriptor, $0, &size) == 0 }
    }
    return isKnown && address.sin_family == sa_family_t(AF_INET)
  }
}
