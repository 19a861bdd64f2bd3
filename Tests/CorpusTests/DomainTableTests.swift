import Corpus
import Failures
import Foundation
import Storage
import Testing

extension Workshop {
  /// Changes the manifest as someone would who knows its format.
  func editManifest(_ edit: (inout Manifest) -> Void) throws {
    var manifest = try JSONDecoder().decode(Manifest.self, from: Data(read("out/manifest.json")))
    edit(&manifest)
    try write("out/manifest.json", Array(manifest.encoded()))
  }

  /// Lets the manifest take files for what was written.
  func record(_ names: [String]) throws {
    try editManifest {
      for name in names {
        let bytes = try! read("out/" + name)
        $0.files[name] = FileRecord(bytes: bytes.count, checksum: Checksum.digest(of: bytes))
      }
    }
  }

  /// Changes a number of the table of domains.
  func editTable(_ column: DomainTable.Column, of domain: Int, to number: Int) throws {
    var table = try read("out/domains.table")
    let place = 8 * (column.rawValue * (table.count / 8 / DomainTable.Column.allCases.count) + domain)
    table.replaceSubrange(place..<place + 8, with: withUnsafeBytes(of: Int64(number).littleEndian) { Array($0) })
    try write("out/domains.table", table)
    try record(["domains.table"])
  }
}

@Suite struct DomainTableTests {
  @Test func `a table of domains that makes no sense is refused with the domain`() throws {
    let workshop = try Workshop()
    let corpus = try workshop.buildExample()
    let last = corpus.domains.count - 1
    let (table, names) = (try workshop.read("out/domains.table"), try workshop.read("out/domains.txt"))
    for column in DomainTable.Column.allCases {
      for number in [-1, Int.max / 2 + 1, .max] {
        try workshop.editTable(column, of: 0, to: number)
        expectFailure(.badData, mentioning: ["domains.table", "domain"]) { _ = try Corpus(at: workshop.path + "/out") }
      }
      // A difference from what comes before would overflow.
      try workshop.editTable(column, of: last, to: .min)
      expectFailure(.badData, mentioning: ["domains.table", "domain"]) { _ = try Corpus(at: workshop.path + "/out") }
      // Bytes of text are counted nowhere else.
      if column != .trainBytes, column != .validationBytes {
        try workshop.editTable(column, of: last, to: 1 << 40)
        #expect(throws: Failure.self) { _ = try Corpus(at: workshop.path + "/out") }
      }
      try workshop.write("out/domains.table", table)
    }
    try workshop.record(["domains.table"])
    for other in [[UInt8](names.map { $0 == 0x0A ? 0x20 : $0 }), [0x07] + names.dropFirst(), names.dropLast()] {
      try workshop.write("out/domains.txt", other)
      try workshop.record(["domains.txt"])
      expectFailure(.badData, mentioning: ["domains."]) { _ = try Corpus(at: workshop.path + "/out") }
    }
    try workshop.write("out/domains.txt", names)
    try workshop.record(["domains.txt"])
    try Corpus(at: workshop.path + "/out").verify()
  }
}
