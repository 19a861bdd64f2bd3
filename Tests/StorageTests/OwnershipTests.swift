import Failures
import Foundation
import Storage
import Testing

/// A directory for one test, gone with its owner.
private final class Place {
  let path = NSTemporaryDirectory() + "storage-" + UUID().uuidString

  init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ text: String) throws {
    let url = URL(filePath: "\(path)/\(name)")
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
  }

  func read(_ name: String) throws -> String { try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }

  func names(_ name: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(name)").sorted()
  }
}

@Suite struct OwnershipTests {
  @Test func `only a lock that would block belongs to somebody who is alive`() throws {
    for code in [ENOLCK, ENOSYS, EOPNOTSUPP] {
      let descriptor = open("/dev/null", O_RDONLY)
      let lock = FileLock(descriptor, of: "runs/a/lock") { _, _ in
        errno = code
        return -1
      }
      let warning = try #require(lock?.warning)
      for fragment in ["runs/a/lock", String(cString: strerror(code)), "process \(getpid()) on "] {
        #expect(warning.contains(fragment))
      }
    }
    let place = try Place()
    try place.write("lock", "")
    func lock() -> FileLock? { FileLock(open(place.path + "/lock", O_RDWR), of: "lock") }
    let first = lock()
    #expect(first != nil && first?.warning == nil)
    #expect(lock() == nil)
    withExtendedLifetime(first) {}
  }

  @Test func `a file is replaced whole, and a link in its place is not written through`() throws {
    let place = try Place()
    try place.write("precious", "precious")
    symlink(place.path + "/precious", place.path + "/file")
    try place.write(".file.dga-writing", "left by a killed process")
    try DurableFile.replace(place.path + "/file", with: Array("new".utf8))
    #expect(try place.read("file") == "new" && place.read("precious") == "precious")
    #expect(try place.names() == ["file", "precious"])
    let failure = try #require(throws: Failure.self) {
      try DurableFile.replace(place.path + "/none/file", with: [1])
    }
    #expect(failure.kind == .cannotCreate && failure.message.contains("/none/file cannot be created"))
    symlink(place.path + "/precious", place.path + "/link")
    #expect(throws: Failure.self) { _ = try OutputFile(place.path + "/link", isNew: true) }
    #expect(try place.read("precious") == "precious")
  }

  @Test func `a marker is read whatever else is there, and its names lead nowhere else`() throws {
    let place = try Place()
    #expect(DirectoryMarker(.corpus, of: place.path) == nil)
    for text in ["", "{}", "[1]", #"{"note": "dga corpus"}"#, #"{"format": "dga run", "version": 1, "files": []}"#] {
      try place.write("manifest.json", text)
      #expect(DirectoryMarker(.corpus, of: place.path) == nil, "\(text)")
    }
    try place.write(
      "manifest.json",
      #"{"format": "dga corpus", "version": 7, "files": {"a": {"new": 1}, "../b": {}, ".": {}}, "x": {}}"#)
    let marker = try #require(DirectoryMarker(.corpus, of: place.path))
    #expect(marker.version == 7 && marker.files == ["a"])
    let failure = try #require(throws: Failure.self) { try marker.checkVersion(of: "place", newest: 6) }
    #expect(failure.kind == .badData && failure.message.contains("version 7") && failure.message.contains("up to 6"))
    try place.write("a", "")
    #expect(marker.foreignEntry(in: place.path) == nil)
    try place.write("b", "")
    #expect(marker.foreignEntry(in: place.path) == "b")
    marker.remove(place.path)
    #expect(try place.names() == ["b"])
  }

  @Test(arguments: [true, false])
  func `directories change places, in one step where that is possible`(atOnce: Bool) throws {
    let place = try Place()
    try place.write("new/a", "new")
    try place.write("old/a", "old")
    let (new, old) = (place.path + "/new", place.path + "/old")
    let swapped =
      atOnce
      ? try Exchange.swap(new, old)
      : try Exchange.swap(new, old) { _, _ in
        errno = EINVAL
        return -1
      }
    #expect(swapped == atOnce)
    #expect(try place.read("old/a") == "new" && place.read("new/a") == "old")
    #expect(try place.names() == ["new", "old"])
    let failure = try #require(throws: Failure.self) {
      try Exchange.swap(new, old) { _, _ in
        errno = EACCES
        return -1
      }
    }
    #expect(failure.kind == .cannotCreate)
    #expect(try place.read("old/a") == "new")
  }

  @Test func `a directory that a killed process had put aside comes back`() throws {
    let place = try Place()
    try place.write("new.old/a", "old")
    Exchange.recover(place.path + "/old", from: place.path + "/new")
    #expect(try place.read("old/a") == "old")
    try place.write("new.old/a", "older")
    Exchange.recover(place.path + "/old", from: place.path + "/new")
    #expect(try place.read("old/a") == "old")
  }

  @Test func `a file that has become shorter is found`() throws {
    let place = try Place()
    try place.write("file", String(repeating: "x", count: 100_000))
    let file = try MappedFile(place.path + "/file")
    try file.checkSize()
    truncate(place.path + "/file", 99_999)
    let failure = try #require(throws: Failure.self) { try file.checkSize() }
    #expect(failure.kind == .inputOutput && failure.message.contains("\(place.path)/file has become shorter"))
  }

  @Test func `reading what a mapped file has lost ends with 74, the file and the reader`() async throws {
    let result = try await #require(processExitsWith: .exitCode(74), observing: [\.standardErrorContent]) {
      let path = NSTemporaryDirectory() + "shrinking-\(getpid())"
      try Data(count: 100_000).write(to: URL(filePath: path))
      defer { unlink(path) }
      let file = try MappedFile(path)
      MappedFile.setReader("rank 3")
      truncate(path, 0)
      unlink(path)
      _ = file.content
    }
    let errors = String(decoding: result.standardErrorContent, as: UTF8.self)
    #expect(errors.contains("error: rank 3: ") && errors.contains("shrinking-"), "\(errors)")
  }

  @Test func `the same signal from elsewhere is not ours`() async {
    await #expect(processExitsWith: .signal(SIGBUS)) {
      let path = NSTemporaryDirectory() + "shrinking-\(getpid())"
      try Data(count: 100_000).write(to: URL(filePath: path))
      defer { unlink(path) }
      _ = try MappedFile(path)
      let descriptor = open(path, O_RDONLY)
      let base = mmap(nil, 100_000, PROT_READ, MAP_SHARED, descriptor, 0)!
      truncate(path, 0)
      unlink(path)
      _ = base.load(fromByteOffset: 50_000, as: UInt8.self)
      exit(Int32(base.load(fromByteOffset: 70_000, as: UInt8.self)))
    }
  }
}
