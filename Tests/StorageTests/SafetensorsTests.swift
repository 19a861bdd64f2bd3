import Failures
import Foundation
import Storage
import Testing

/// A directory of its own for one test, removed afterwards.
private func withDirectory(_ body: (String) throws -> Void) throws {
  let path = NSTemporaryDirectory() + "safetensors-" + UUID().uuidString
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  try body(path + "/")
}

/// The bytes of a file with this header, then `dataCount` zeros.
private func file(_ header: String, dataCount: Int = 0, announced: UInt64? = nil) -> Data {
  let length = announced ?? UInt64(header.utf8.count)
  return Data((0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }) + Data(header.utf8)
    + Data(count: dataCount)
}

private func write(
  _ path: String, _ tensors: [(name: String, shape: [Int])], _ values: [[Float]]
) throws {
  var writer = try SafetensorsWriter(path: path, tensors: tensors)
  for (tensor, values) in zip(tensors, values) { try writer.write(tensor.name, values.span) }
  try writer.finish()
}

private func read(_ reader: SafetensorsReader, _ name: String, count: Int) throws -> [Float] {
  var values = [Float](repeating: .nan, count: count)
  var span = values.mutableSpan
  try reader.read(name, into: &span, at: 0..<count)
  return values
}

@Suite struct SafetensorsTests {
  @Test func `The bytes of a file are those of the format`() throws {
    try withDirectory { directory in
      try write(directory + "a", [("x", [2]), ("y", [])], [[1, -2], [0.5]])
      let header =
        #"{"__metadata__":{"format":"pt"},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"#
        + #""y":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}"#
      let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
      let expected = file(padded) + Data([0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0, 0, 0, 0, 0x3F])
      #expect(try Data(contentsOf: URL(filePath: directory + "a")) == expected)
    }
  }

  @Test func `What is written is read, whatever shapes and names`() throws {
    try withDirectory { directory in
      let tensors = [("empty", [0, 7]), ("h.0.\"odd\"\\\n\u{1}é😀", [3, 5]), ("scalar", [])]
      let values: [Float] = (0..<15).map { Float($0) * 0.1 } + [-.infinity]
      var writer = try SafetensorsWriter(
        path: directory + "a", tensors: tensors.map { (name: $0.0, shape: $0.1) }, metadata: ["a\t": "\"b\""])
      try writer.write("empty", [Float]().span)
      // A tensor may come in parts.
      try writer.write(tensors[1].0, values.span.extracting(0..<4))
      try writer.write(tensors[1].0, values.span.extracting(4..<15))
      try writer.write("scalar", values.span.extracting(15..<16))
      try writer.finish()
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["a"])

      let reader = try SafetensorsReader(path: directory + "a")
      #expect(reader.tensors.map(\.name) == tensors.map(\.0))
      #expect(reader.tensors.map(\.shape) == tensors.map(\.1))
      #expect(reader.metadata == ["a\t": "\"b\""])
      #expect(try read(reader, "empty", count: 0) == [])
      #expect(try read(reader, tensors[1].0, count: 15) == Array(values[..<15]))
      #expect(try read(reader, "scalar", count: 1) == [-.infinity])
    }
  }

  @Test func `A file of the original library is read`() throws {
    // From safetensors.torch.save of wte.weight [[1.5, -2], [0.25, 3e38]], ln_f.bias [0.1, -0, inf] and a mask of
    // bools.
    let recorded = """
      6AAAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJsbl9mLmJpYXMiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6
      WzNdLCJkYXRhX29mZnNldHMiOlswLDEyXX0sInd0ZS53ZWlnaHQiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIsMl0sImRhdGFf
      b2Zmc2V0cyI6WzEyLDI4XX0sImguMC5hdHRuLmJpYXMiOnsiZHR5cGUiOiJCT09MIiwic2hhcGUiOlsyLDJdLCJkYXRhX29mZnNl
      dHMiOlsyOCwzMl19fSAgzczMPQAAAIAAAIB/AADAPwAAAMAAAIA+5rFhfwEAAQE=
      """
    try withDirectory { directory in
      let data = try #require(Data(base64Encoded: recorded, options: .ignoreUnknownCharacters))
      try data.write(to: URL(filePath: directory + "a"))
      let reader = try SafetensorsReader(path: directory + "a")
      #expect(reader.metadata == ["format": "pt"])
      #expect(try read(reader, "wte.weight", count: 4) == [1.5, -2, 0.25, 3e38])
      let bias = try read(reader, "ln_f.bias", count: 3)
      #expect(bias.map(\.bitPattern) == [Float(0.1), -0.0, .infinity].map(\.bitPattern))
      let failure = #expect(throws: Failure.self) { try read(reader, "h.0.attn.bias", count: 4) }
      #expect(failure?.message.contains("has the type BOOL; only F32") == true)
    }
  }

  @Test func `Spaces, any order and every escape are accepted`() throws {
    try withDirectory { directory in
      let header = #"""
        { "b\u0041\ud83d\ude00\/" : {"data_offsets" : [ 4 , 12 ], "shape":[1,2], "dtype":"F32"} ,
        "a":{"shape":[1],"dtype":"F32","data_offsets":[0,4]} }
        """#
      try file(header, dataCount: 12).write(to: URL(filePath: directory + "a"))
      let reader = try SafetensorsReader(path: directory + "a")
      #expect(reader.tensors.map(\.name) == ["a", "bA😀/"])
      let start = 8 + header.utf8.count
      #expect(reader.tensors.map(\.bytes) == [start..<start + 4, start + 4..<start + 12])
    }
  }

  @Test func `Data beyond four gigabytes is found`() throws {
    try withDirectory { directory in
      // Sparse: the hole takes no space on disk.
      let hole = 5 << 30
      let header = """
        {"hole":{"dtype":"F32","shape":[5,268435456],"data_offsets":[0,\(hole)]},\
        "last":{"dtype":"F32","shape":[2],"data_offsets":[\(hole),\(hole + 8)]}}
        """
      try file(header).write(to: URL(filePath: directory + "a"))
      let handle = try #require(FileHandle(forWritingAtPath: directory + "a"))
      try handle.seek(toOffset: UInt64(8 + header.utf8.count + hole))
      try handle.write(contentsOf: Data([0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0]))
      try handle.close()
      let reader = try SafetensorsReader(path: directory + "a")
      #expect(try read(reader, "last", count: 2) == [1, -2])
    }
  }

  private static func tensor(_ name: String, _ begin: Int, _ end: Int, shape: String = "[1]") -> String {
    "\"\(name)\":{\"dtype\":\"F32\",\"shape\":\(shape),\"data_offsets\":[\(begin),\(end)]}"
  }

  @Test(arguments: [
    (Data(), "within the header's length"),
    (Data(count: 7), "within the header's length"),
    (Data(count: 8), "{ is expected, at offset 8"),
    (file("{}", announced: 3), "announces a header of 3 bytes; the file has 10"),
    (file("{}", announced: .max), "announces a header of 18446744073709551615 bytes"),
    (file("{}", dataCount: 1), "bytes that belong to no tensor"),
    (file("[]"), "{ is expected"),
    (file("{} x"), "something follows"),
    (file("{\(tensor("a", 0, 4)),}", dataCount: 4), "\" is expected"),
    (file("{\(tensor("a", 0, 4)),\(tensor("a", 4, 8))}", dataCount: 8), "the name a occurs twice"),
    (file("{\(tensor("a", 0, 4)),\(tensor("b", 0, 4))}", dataCount: 4), "b at offset 115 overlaps"),
    (file("{\(tensor("a", 0, 4)),\(tensor("b", 8, 12))}", dataCount: 12), "b at offset 124 leaves a gap"),
    (file("{\(tensor("a", 4, 8))}", dataCount: 8), "leaves a gap"),
    (file("{\(tensor("a", 0, 4))}", dataCount: 3), "is truncated"),
    (file("{\(tensor("a", 0, 8))}", dataCount: 8), "do not fit the shape [1] of F32"),
    (file("{\(tensor("a", 4, 0))}", dataCount: 4), "do not fit the shape"),
    (file("{\(tensor("a", 0, 4, shape: "[4611686018427387904,4]"))}", dataCount: 4), "do not fit the shape"),
    (file("{\(tensor("a", 0, 4, shape: "[99999999999999999999]"))}", dataCount: 4), "a number is too large"),
    (file("{\(tensor("a", 0, 4, shape: "[-1]"))}", dataCount: 4), "a whole number is expected"),
    (file("{\(tensor("a", 0, 4, shape: "[01]"))}", dataCount: 4), "a whole number is expected"),
    (file("{\(tensor("a", 0, 4, shape: "[1.0]"))}", dataCount: 4), "] is expected"),
    (file("{\(tensor("a", 0, 4, shape: "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"))}", dataCount: 4), "more than 16"),
    (file("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", dataCount: 4), "a lacks dtype"),
    (file("{\"a\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", dataCount: 4), "unknown type F31"),
    (file("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\"}}"), "has the key dtype"),
    (file("{\"a\":{\"size\":1}}"), "has the key size"),
    (file("{\"a"), "does not end"),
    (file("{\"a\\"), "does not end"),
    (file("{\"\\x\":1}"), "an escape is unknown"),
    (file("{\"\\ud800\":1}"), "half a character"),
    (file("{\"\\u00g0\":1}"), "four hexadecimal digits"),
    (file("{\"a\nb\":1}"), "a control character"),
    (file("{\"__metadata__\":{\"a\":1}}"), "\" is expected"),
  ])
  func `A file that is not as it should be is refused with its fault`(data: Data, fault: String) throws {
    try withDirectory { directory in
      try data.write(to: URL(filePath: directory + "a"))
      let failure = #expect(throws: Failure.self) { try SafetensorsReader(path: directory + "a") }
      #expect(failure?.kind == .badData)
      #expect(failure?.message.contains(fault) == true, "\(failure?.message ?? "")")
      #expect(failure?.message.contains(directory + "a") == true)
    }
  }

  @Test func `No truncation and no changed byte of a header ends the process, and no truncation is accepted`() throws {
    try withDirectory { directory in
      try write(directory + "a", [("wte.weight", [2, 3]), ("b", [1])], [[1, 2, 3, 4, 5, 6], [7]])
      let whole = try Data(contentsOf: URL(filePath: directory + "a"))
      func open(_ data: Data) throws -> SafetensorsReader {
        try data.write(to: URL(filePath: directory + "b"))
        return try SafetensorsReader(path: directory + "b")
      }
      for count in 0..<whole.count {
        #expect(throws: Failure.self) { try open(whole.prefix(count)) }
      }
      for place in 0..<whole.count - 28 {
        for change in [0x01, 0x10, 0x80] as [UInt8] {
          var data = whole
          data[place] ^= change
          // Some changes make another file that is as good, with another name for instance.
          guard let reader = try? open(data) else { continue }
          #expect(reader.tensors.reduce(0) { $0 + $1.bytes.count } == 28)
        }
      }
    }
  }

  @Test func `Wrong requests to a good file are refused`() throws {
    try withDirectory { directory in
      try write(directory + "a", [("x", [2])], [[1, 2]])
      let reader = try SafetensorsReader(path: directory + "a")
      #expect(throws: Failure(.badData, "\(directory)a has no tensor y.")) { try read(reader, "y", count: 2) }
      let failure = #expect(throws: Failure.self) { try read(reader, "x", count: 3) }
      #expect(failure?.message.contains("has the shape [2], but 3 elements are expected") == true)
      let missing = #expect(throws: Failure.self) { try SafetensorsReader(path: directory + "z") }
      #expect(missing?.kind == .missingInput)
      #expect(throws: Failure.self) { try SafetensorsReader(path: directory) }
    }
  }

  @Test func `A full disk is an error with offset and advice`() throws {
    try withDirectory { directory in
      // The device that is always full.
      try FileManager.default.createSymbolicLink(atPath: directory + "a", withDestinationPath: "/dev/full")
      let failure = #expect(throws: Failure.self) {
        try write(directory + "a", [("x", [1 << 20])], [[Float](repeating: 0, count: 1 << 20)])
      }
      #expect(failure?.kind == .inputOutput)
      #expect(failure?.message.contains("Writing \(directory)a failed at offset 0: there is no space left") == true)
    }
  }

  @Test func `What a writer has not finished is refused`() throws {
    try withDirectory { directory in
      do {
        var writer = try SafetensorsWriter(path: directory + "a", tensors: [("x", [2])])
        try writer.write("x", [1].span)
      }
      #expect(throws: Failure.self) { try SafetensorsReader(path: directory + "a") }
      let failure = #expect(throws: Failure.self) {
        try write(directory + "none/a", [("x", [1])], [[1]])
      }
      #expect(failure?.kind == .cannotCreate)
    }
  }
}
