import Printing
import Testing

/// Numbers with words, and lines for terminals.
struct WordsTests {
  @Test func `Things are counted in the singular and the plural`() {
    #expect(Words.count(1, "rank") == "1 rank" && Words.count(2, "rank") == "2 ranks")
    #expect(Words.count(0, "step") == "0 steps")
  }

  @Test(arguments: [
    (0.7, "70 %"), (1, "100 %"), (0.0999, "10 %"), (0.042, "4.2 %"), (0.01, "1.0 %"), (0.00995, "1.0 %"),
    (0.0005, "0.05 %"), (0.00042, "0.042 %"), (0, "0 %"),
  ])
  func `A share has two digits, however small`(share: Double, text: String) {
    #expect(Words.percent(share) == text)
  }

  @Test func `A list says how many more there are`() {
    #expect(Words.list(["a", "b"], most: 2) == "a, b" && Words.list(["a", "b", "c"], most: 2) == "a, b and 1 more")
  }

  @Test(arguments: [(0.0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (25.3e9, "25.3 GB"), (2e21, "2000.0 EB")])
  func `Bytes have the unit that suits them`(count: Double, text: String) { #expect(Words.bytes(count) == text) }

  @Test(arguments: [
    ("abc", 3, "abc"), ("abcd", 3, "ab…"), ("abcd", 1, "…"), ("abcd", 0, ""), ("", 5, ""), ("ünï", 3, "ünï"),
    // Characters of two columns: three of them take six.
    ("漢字仮", 6, "漢字仮"), ("漢字仮", 5, "漢字…"), ("漢字仮", 4, "漢…"),
  ])
  func `A line is cut to the columns of a terminal`(line: String, columns: Int, cut: String) {
    #expect(Words.cut(line, columns: columns) == cut)
  }
}
