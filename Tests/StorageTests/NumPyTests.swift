import Failures
import Foundation
import Storage
import Testing

/// A directory of its own for one test, removed afterwards.
private func withDirectory(_ body: (String) throws -> Void) throws {
  let path = NSTemporaryDirectory() + "numpy-" + UUID().uuidString
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  try body(path + "/")
}

/// A file of this version and header, then `data`.
private func file(_ literal: String, version: UInt8 = 1, data: [UInt8] = []) -> MappedFile {
  let count = literal.utf8.count
  let length = (0..<(version == 1 ? 2 : 4)).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
  return MappedFile(
    "a.npy", memory: [0x93] + Array("NUMPY".utf8) + [version, 0] + length + Array(literal.utf8) + data)
}

private func floats(_ array: NumPyFile) throws -> [Float] {
  var values = [Float](repeating: .nan, count: array.count)
  var span = values.mutableSpan
  try array.read(0..<array.count, into: &span)
  return values
}

@Suite struct NumPyTests {
  @Test func `The bytes of a file are those that NumPy writes`() throws {
    // From numpy.save of numpy.array([[1.5, -2, 0.25], [3e38, -0.0, 1e-45]], dtype='<f4'), NumPy 2.4.6.
    let recorded = """
      k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAg
      ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAMA/AAAAwAAAgD7msWF/AAAAgAEA
      AAA=
      """
    let expected = try #require(Data(base64Encoded: recorded, options: .ignoreUnknownCharacters))
    try withDirectory { directory in
      let values: [Float] = [1.5, -2, 0.25, 3e38, -0.0, .leastNonzeroMagnitude]
      var writer = try NumPyWriter<Float>(path: directory + "a.npy", shape: [2, 3])
      // Rows may come in parts.
      try writer.write(values.span.extracting(0..<4))
      try writer.write(values.span.extracting(4..<6))
      let record = try writer.finish()
      let written = try Data(contentsOf: URL(filePath: directory + "a.npy"))
      #expect(written == expected)
      #expect(record == FileRecord(bytes: expected.count, checksum: Checksum.digest(of: expected)))

      let read = try NumPyFile(path: directory + "a.npy")
      #expect(read.shape == [2, 3])
      #expect(read.element == .float32)
      #expect(try floats(read).map(\.bitPattern) == values.map(\.bitPattern))
    }
  }

  @Test func `Every version and element type is read`() throws {
    let halves = [UInt8](arrayLiteral: 0x00, 0x3E, 0x00, 0xC0)  // 1.5 and -2
    let header = "{'shape': (2L,), 'fortran_order': True, 'descr': \"<f2\"}\n"
    for version in 1...3 {
      #expect(try floats(NumPyFile(file(header, version: UInt8(version), data: halves))) == [1.5, -2])
    }
    try withDirectory { directory in
      var doubles = try NumPyWriter<Double>(path: directory + "d.npy", shape: [3, 1])
      try doubles.write([1, 0.1, -1e300].span)
      try doubles.finish()
      #expect(try floats(NumPyFile(path: directory + "d.npy")) == [1, 0.1, -.infinity])
      var integers = try NumPyWriter<Int32>(path: directory + "i.npy", shape: [3])
      try integers.write([5, -6, .max].span)
      try integers.finish()
      #expect(try NumPyFile(path: directory + "i.npy").integers(1..<3) == [-6, Int(Int32.max)])
      var single = try NumPyWriter<Int64>(path: directory + "s.npy", shape: [])
      try single.write([.min].span)
      try single.finish()
      let read = try NumPyFile(path: directory + "s.npy")
      #expect(read.shape == [])
      #expect(try read.integers(0..<1) == [.min])
      #expect(throws: Failure(.badData, "\(read.path) has integers (<i8), where numbers with a fraction are expected."))
      { _ = try floats(read) }
      var empty = try NumPyWriter<Float>(path: directory + "e.npy", shape: [0, 256])
      try empty.finish()
      #expect(try NumPyFile(path: directory + "e.npy").shape == [0, 256])
    }
  }

  @Test(
    "What is no plain array is refused, and the sentence says why",
    arguments: [
      ("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "elements of type '>f4'"),
      ("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "elements of type '<c8'"),
      ("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "elements of type '|O'"),
      ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "a table with named columns"),
      ("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }", "column by column"),
      ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "has 4 bytes of elements"),
      ("{'descr': '<f4', 'fortran_order': False, 'shape': (), } x", "damaged header"),
      ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "damaged header"),
      ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "damaged header"),
      ("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 8), }", "impossible shape"),
      ("{'descr': '<f4', 'shape': (1,), }", "damaged header"),
      ("{'descr': '<f4', 'fortran_order': None, 'shape': (1,), }", "damaged header"),
      ("{'descr': '<f4'", "damaged header"),
      ("", "damaged header"),
    ])
  func refused(literal: String, reason: String) throws {
    let failure = #expect(throws: Failure.self) { _ = try NumPyFile(file(literal, data: [0, 0, 0, 0])) }
    #expect(failure?.kind == .badData)
    #expect(failure?.message.contains(reason) == true, "\(failure?.message ?? "")")
  }

  @Test func `A file that is cut off anywhere is refused`() throws {
    let whole = [UInt8](
      [0x93] + Array("NUMPY".utf8) + [1, 0, 60, 0]
        + Array("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }  \n".utf8) + [0, 0, 0, 0, 0, 0, 0, 0])
    #expect(try NumPyFile(MappedFile("a.npy", memory: whole)).count == 2)
    for count in 0..<whole.count {
      #expect(throws: Failure.self) { _ = try NumPyFile(MappedFile("a.npy", memory: Array(whole[..<count]))) }
    }
    #expect(throws: Failure.self) { _ = try NumPyFile(MappedFile("a.npy", memory: whole + [0])) }
    #expect(throws: Failure.self) {
      _ = try NumPyFile(MappedFile("a.npy", memory: Array(whole[..<6]) + [4] + Array(whole[7...])))
    }
  }

  @Test(.enabled(if: NumPy.isThere)) func `NumPy reads what is written, and what it writes is read`() throws {
    try withDirectory { directory in
      let values = (0..<24).map { Float($0) / 7 - 1 }
      var writer = try NumPyWriter<Float>(path: directory + "ours.npy", shape: [2, 3, 4])
      try writer.write(values.span)
      try writer.finish()
      try NumPy.run(
        """
        import numpy as np
        a = np.load('\(directory)ours.npy')
        assert a.shape == (2, 3, 4) and a.dtype == np.float32
        np.save('\(directory)theirs.npy', a.astype('<f8')[1])
        with open('\(directory)later.npy', 'wb') as file: np.lib.format.write_array(file, a, version=(3, 0))
        np.save('\(directory)columns.npy', np.asfortranarray(a))
        """)
      #expect(try floats(NumPyFile(path: directory + "theirs.npy")) == Array(values[12...]))
      #expect(try floats(NumPyFile(path: directory + "later.npy")) == values)
      #expect(throws: Failure.self) { _ = try NumPyFile(path: directory + "columns.npy") }
    }
  }
}

/// Python with NumPy, where there is one.
private enum NumPy {
  static let isThere = (try? run("import numpy")) != nil

  static func run(_ program: String) throws {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["python3", "-c", program]
    (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failure(.internalError, "python3 failed") }
  }
}
