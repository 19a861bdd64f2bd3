import Configuration
import Testing

@Suite struct AssignmentTests {
  /// Whatever stands in a file can be said on the command line.
  @Test func `Settings that are passed on are read as they stand`() throws {
    let text = """
      plain: 3e-4
      text: "a \\"b\\" \\\\ c\\n"
      number-as-text: "12"
      list: [1, two, "3"]
      mapping: {a: 1, "b: c": {d: [e]}}
      nothing: ~
      """
    let assignments = try open(text).assignments()
    #expect(assignments.map(\.key) == ["plain", "text", "number-as-text", "list", "mapping", "nothing"])
    let again = try open(text, overrides: assignments.map(\.text)).assignments()
    #expect(again == assignments)
    #expect(assignments[2].value == "\"12\"" && assignments[4].value == "{\"a\": 1, \"b: c\": {\"d\": [e]}}")
  }
}
