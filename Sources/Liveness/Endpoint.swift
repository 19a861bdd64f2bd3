import Foundation

/// Where the watchdog of a rank can be asked, and what the rank is called in messages.
public struct Endpoint: Sendable, Equatable {
  /// The rank in the world.
  public let rank: Int
  /// The host's name.
  public let host: String
  /// The process on that host.
  public let process: Int32
  /// The UDP port.
  let port: UInt16
  /// The host's IPv4 addresses, in network byte order.
  let addresses: [UInt32]

  /// The endpoint as bytes for other ranks.
  public var encoded: [UInt8] {
    let addresses = addresses.map(String.init).joined(separator: ",")
    return Array("\(rank)\t\(process)\t\(port)\t\(addresses)\t\(host)".utf8)
  }

  /// Reads an endpoint of another rank; nil if the bytes are none.
  public init?(_ encoded: [UInt8]) {
    let fields = String(decoding: encoded, as: UTF8.self).split(
      separator: "\t", maxSplits: 4, omittingEmptySubsequences: false)
    guard fields.count == 5, let rank = Int(fields[0]), let process = Int32(fields[1]), let port = UInt16(fields[2])
    else { return nil }
    self.init(
      rank: rank, host: String(fields[4]), process: process, port: port,
      addresses: fields[3].split(separator: ",").compactMap { UInt32($0) })
  }

  init(rank: Int, host: String, process: Int32, port: UInt16, addresses: [UInt32]) {
    (self.rank, self.host, self.process, self.port, self.addresses) = (rank, host, process, port, addresses)
  }

  /// The rank and its host, for messages.
  var name: String { "rank \(rank) on \(host) (process \(process))" }

  /// The IPv4 addresses of this host, the loopback's first.
  static func ownAddresses() -> [UInt32] {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return [] }
    defer { freeifaddrs(list) }
    var addresses: [UInt32] = []
    var entry = list
    while let interface = entry {
      defer { entry = interface.pointee.ifa_next }
      guard let address = interface.pointee.ifa_addr, address.pointee.sa_family == sa_family_t(AF_INET)
      else { continue }
      addresses.append(
        address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { $0.pointee.sin_addr.s_addr })
    }
    return addresses
  }

  /// What the system says of the process, if it is on this host: `stopped`, `held by a debugger`, `gone`, or another
  /// state; nil if it is elsewhere or runs.
  func processState(seenFrom host: String) -> ProcessState? {
    guard host == self.host else { return nil }
    guard let status = try? String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8) else { return .gone }
    let line = status.split(separator: "\n").first { $0.hasPrefix("State:") }
    switch line?.dropFirst(6).first(where: { !$0.isWhitespace }) {
    case "T": return .stopped
    case "t": return .debugged
    case "Z", "X": return .gone
    case "D": return .waitingForDevice
    default: return nil
    }
  }
}

/// What keeps a process from answering.
enum ProcessState: String {
  case stopped = "its process is stopped by a signal (kill -CONT wakes it)"
  case debugged = "its process is held by a debugger"
  case gone = "its process cannot be seen any more"
  case waitingForDevice = "its process waits for a disk or another device"
}
