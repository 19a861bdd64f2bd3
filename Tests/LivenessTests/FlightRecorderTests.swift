import Liveness
import Testing

/// What is remembered of calls to MPI. Serialized, because the recorder is one for the process.
@Suite(.serialized) struct FlightRecorderTests {
  @Test func `A call is waited in from its last activity on, and no longer once it has ended`() {
    #expect(FlightRecorder.waitBeginning == 0)
    let outer = FlightRecorder.begin("outer", bytes: 12, peer: 3)
    let beginning = FlightRecorder.waitBeginning
    #expect(beginning > 0)
    FlightRecorder.end(FlightRecorder.begin("inner"))
    #expect(FlightRecorder.waitBeginning > beginning)
    FlightRecorder.end(outer)
    #expect(FlightRecorder.waitBeginning == 0)
    let entry = FlightRecorder.entries.last { $0.bytes == 12 }
    #expect(entry.map { "\($0.call)" } == "outer" && entry?.peer == 3 && entry!.end >= entry!.start)
  }

  /// The exchange of all parameters of a large model is one wait of hundreds of messages.
  @Test func `A wait ends though the calls within it have taken its place in the ring`() {
    let outer = FlightRecorder.begin("outer")
    for _ in 0..<3 * FlightRecorder.capacity { FlightRecorder.end(FlightRecorder.begin("inner")) }
    #expect(FlightRecorder.waitBeginning > 0)
    FlightRecorder.end(outer)
    #expect(FlightRecorder.waitBeginning == 0)
    #expect(FlightRecorder.entries.count < FlightRecorder.capacity)
    #expect(FlightRecorder.entries.allSatisfy { $0.end >= $0.start })
  }

  @Test func `An endpoint is read as it was written, and other bytes are none`() throws {
    let own = try #require(Watchdog(rank: 7, host: "a\tb")).own
    #expect(Endpoint(own.encoded) == own && own.rank == 7 && own.host == "a\tb")
    #expect(Endpoint([]) == nil && Endpoint(Array("1\t2\t3".utf8)) == nil)
  }
}
