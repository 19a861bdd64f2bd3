internal import CSignals
import Foundation
import Synchronization

/// A thread beside the one that talks to MPI, which ends the job if a wait for other ranks has lasted too long.
///
/// While its rank waits, it asks the watchdogs of the other ranks how they are, by UDP. A rank that does not answer is
/// lost or stopped: the job ends after the limit. A rank that answers and is at work is waited for longer.
/// If every rank waits for another, nobody will ever come: the job ends after the limit. The rank that finds out writes
/// who, where and how long; every rank writes its last calls to a file; all leave with exit code 76.
///
/// A process that was itself stopped for a while, or a node that slept, starts its patience anew.
public final class Watchdog: @unchecked Sendable {
  /// What the watchdog goes by; can be changed while it runs.
  public struct Policy: Sendable {
    /// Seconds of a wait without any answer; nil: 60, or ten times the longest wait so far if that is more.
    public var limit: Double?
    /// Whether a rank on this host that is stopped, or held by a debugger, is waited for.
    public var waitsForDebugger = false
    /// For so many limits a rank is waited for that answers and is at work.
    public var patience = 10.0
    /// What a person can do after the job has ended.
    public var remedy = "go on from the last checkpoint with --resume"

    /// Makes the defaults.
    public init() {}
  }

  /// What is known of another rank.
  struct Peer {
    let endpoint: Endpoint
    /// Where it answered from last; nil: never.
    var address: sockaddr_in?
    /// When it answered last; 0: never.
    var lastAnswer: UInt64 = 0
    var state = WatchdogMessage()
  }

  /// This rank.
  public let own: Endpoint
  private let socket: WatchdogSocket
  private let policy = Mutex(Policy())
  private let isEnded = Atomic<Bool>(false)

  // What follows is the thread's alone, once it runs.
  private var job: UInt64 = 0
  private var peers: [Peer] = []
  private var awakeSince: UInt64 = 0
  private var doubtSince: UInt64 = 0
  private var nextQuestions: UInt64 = 0
  private var nextGreeting: UInt64 = 0
  private var greeted = 0

  /// The exit code of a job with a lost or stuck rank.
  static let exitCode: Int32 = 76

  /// Opens the socket on which this rank is asked; nil if the system has none, and then nobody is watched.
  public init?(rank: Int, host: String) {
    guard let socket = WatchdogSocket() else { return nil }
    self.socket = socket
    own = Endpoint(
      rank: rank, host: host, process: getpid(), port: socket.port, addresses: Endpoint.ownAddresses())
  }

  /// Starts to watch. Call it on the thread that talks to MPI.
  ///
  /// - Parameters:
  ///   - endpoints: Those of all ranks, in their order.
  ///   - job: A number that all ranks of the job have in common, and others do not.
  public func start(with endpoints: [Endpoint], job: UInt64) {
    self.job = job
    peers = endpoints.filter { $0.rank != own.rank }.map { Peer(endpoint: $0) }
    dga_stack_prepare()
    FlightRecorder.enter(FlightRecorder.phase)
    let thread = Thread { [self] in watch() }
    thread.name = "watchdog"
    thread.stackSize = 1 << 19
    thread.start()
  }

  /// Changes the policy.
  public func setPolicy(_ change: (inout Policy) -> Void) { policy.withLock { change(&$0) } }

  /// Ends watching, before MPI is left.
  public func stop() { isEnded.store(true, ordering: .releasing) }

  // MARK: The thread

  private func watch() {
    // Signals are for the thread that answers them.
    var all = sigset_t()
    sigfillset(&all)
    pthread_sigmask(SIG_SETMASK, &all, nil)
    awakeSince = FlightRecorder.now
    ask(peers.indices)
    var last = awakeSince
    while !isEnded.load(ordering: .acquiring) {
      listen(for: 100)
      let time = FlightRecorder.now
      if seconds(from: last, to: time) > 2 {
        // This process was stopped, or its node slept: whatever the others said is out of date.
        (awakeSince, doubtSince) = (time, 0)
      }
      last = time
      greet(at: time)
      judge(at: time)
    }
  }

  /// Answers what comes within some milliseconds: all that is there, but not for ever.
  private func listen(for milliseconds: Int32) {
    let end = FlightRecorder.now + 50_000_000
    var patience = milliseconds
    while let (message, sender) = socket.receive(within: patience), FlightRecorder.now < end {
      hear(message, from: sender)
      patience = 0
    }
  }

  private func hear(_ message: WatchdogMessage, from sender: sockaddr_in) {
    // Peers are in the order of ranks, without this one.
    let place = Int(message.from) - (Int(message.from) > own.rank ? 1 : 0)
    guard message.job == job, message.to == own.rank, peers.indices.contains(place),
      peers[place].endpoint.rank == message.from
    else { return }
    switch message.kind {
    case .question: socket.send(self.message(.answer, to: peers[place].endpoint), to: sender)
    case .answer:
      peers[place].lastAnswer = FlightRecorder.now
      peers[place].address = sender
      peers[place].state = message
    case .leave: leave(nil)
    case nil: break
    }
  }

  /// Asks one rank after the other, one each second, so that it is known whether they can be asked at all.
  private func greet(at time: UInt64) {
    guard !peers.isEmpty, time >= nextGreeting else { return }
    nextGreeting = time + 1_000_000_000
    greeted = (greeted + 1) % peers.count
    ask(greeted..<greeted + 1)
  }

  /// Sends questions, where the last answer came from or, without one for a while, to all addresses.
  private func ask(_ places: some Sequence<Int>) {
    for (count, place) in places.enumerated() {
      let peer = peers[place]
      let question = message(.question, to: peer.endpoint)
      if let address = peer.address, seconds(from: peer.lastAnswer, to: FlightRecorder.now) < 10 {
        socket.send(question, to: address)
      } else {
        socket.send(question, to: peer.endpoint)
      }
      // Answers arrive meanwhile; there is room for some hundreds only.
      if count % 16 == 15 { listen(for: 0) }
    }
  }

  private func message(_ kind: WatchdogMessage.Kind, to endpoint: Endpoint) -> WatchdogMessage {
    WatchdogMessage(kind, job: job, from: own.rank, to: endpoint.rank, at: FlightRecorder.now)
  }

  // MARK: Judgement

  private func seconds(from start: UInt64, to end: UInt64) -> Double { Double(end - min(start, end)) * 1e-9 }

  private func judge(at time: UInt64) {
    let beginning = FlightRecorder.waitBeginning
    let policy = policy.withLock { $0 }
    let limit = policy.limit ?? max(60, min(900, 10 * Double(FlightRecorder.longest) * 1e-9))
    let wait = beginning == 0 ? 0 : seconds(from: max(beginning, awakeSince), to: time)
    guard wait > limit / 2 else {
      doubtSince = 0
      return
    }
    if doubtSince == 0 { (doubtSince, nextQuestions) = (time, time) }
    if time >= nextQuestions {
      let interval = min(1, limit / 8)
      nextQuestions = time + UInt64(interval * 1e9)
      ask(peers.indices.filter { seconds(from: peers[$0].lastAnswer, to: time) > interval })
    }
    guard wait > limit, finding(policy, wait: wait, limit: limit) != nil else { return }
    // Of several ranks that find out at once, the lowest speaks: its message to leave arrives in this time.
    let end = FlightRecorder.now + UInt64(min(1, 0.02 * Double(own.rank)) * 1e9)
    while FlightRecorder.now < end { listen(for: 10) }
    guard !isEnded.load(ordering: .acquiring), FlightRecorder.waitBeginning == beginning,
      let finding = finding(policy, wait: wait, limit: limit)
    else { return }
    leave(finding)
  }

  /// Who is to blame for a wait; nil if there is reason to wait on.
  private func finding(_ policy: Policy, wait: Double, limit: Double) -> String? {
    // An answer may take a while where there are more threads than cores.
    let (time, patience) = (FlightRecorder.now, max(2, limit / 2))
    let silent =
      seconds(from: doubtSince, to: time) < patience
      ? [] : peers.filter { $0.lastAnswer != 0 && seconds(from: $0.lastAnswer, to: time) > patience }
    let states = silent.map { $0.endpoint.processState(seenFrom: own.host) }
    if !silent.isEmpty {
      if policy.waitsForDebugger, states.contains(where: { $0 == .stopped || $0 == .debugged }) {
        // Once awake, it has time to answer.
        doubtSince = time
        return nil
      }
      return zip(silent, states).prefix(4).map { peer, state in
        let silence = Int(seconds(from: peer.lastAnswer, to: FlightRecorder.now))
        return "\(peer.endpoint.name) has not answered for \(silence) s"
          + (state.map { ": \($0.rawValue)" } ?? ": the process or the network is at a standstill")
          + ". When it was last heard of, it \(peer.state.doing)"
      }.joined(separator: "; ") + (silent.count > 4 ? "; and \(silent.count - 4) more" : "")
    }
    let isPatient = wait < policy.patience * limit
    let unheard = peers.filter { $0.lastAnswer == 0 }
    if !unheard.isEmpty {
      if isPatient { return nil }
      return "\(unheard[0].endpoint.name) has never answered the watchdog"
        + (unheard.count > 1 ? ", nor have \(unheard.count - 1) others" : "")
        + "; perhaps UDP is blocked between the nodes"
    }
    let busy = peers.filter { Double($0.state.waiting) < 500 * limit }
    if let first = busy.min(by: { $0.state.sequence < $1.state.sequence }) {
      return isPatient ? nil : "\(first.endpoint.name) answers, but \(first.state.doing)"
    }
    let first = peers.min { $0.state.sequence < $1.state.sequence }!
    return "every rank waits for another; \(first.endpoint.name) \(first.state.doing)"
  }

  // MARK: The end

  /// Writes what this rank did last and ends the process; with a finding, after telling everybody.
  private func leave(_ finding: String?) -> Never {
    // The disk, or standard error, may be what everybody waits for.
    Thread.detachNewThread {
      Thread.sleep(forTimeInterval: 5)
      _exit(Self.exitCode)
    }
    let time = FlightRecorder.now
    let directory = FlightReport.directory
    if let finding {
      for _ in 0..<3 {
        for peer in peers { socket.send(message(.leave, to: peer.endpoint), to: peer.endpoint) }
      }
      let state = message(.leave, to: own)
      let place = directory.map { " What ranks did last is in \($0)." } ?? ""
      let line =
        "error: \(finding). Rank \(own.rank) on \(own.host) \(state.doing). The job ends; "
        + "\(policy.withLock { $0.remedy }).\(place)\n"
      _ = line.utf8CString.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count - 1) }
    }
    if let directory { FlightReport(of: own, at: time).write(to: directory) }
    dga_end_launcher(20)
    _exit(Self.exitCode)
  }
}
