import Failures
import Settings
import Testing

@Suite struct QuantityTests {
  @Test(arguments: [
    ("1000steps", 1000, Quantity.Unit.steps), ("2e9tokens", 2e9, .tokens), ("1epoch", 1, .epochs),
    ("1.5 epochs", 1.5, .epochs),
    ("50documents", 50, .documents), ("1 document", 1, .documents),
    ("200_000 tokens", 200_000, .tokens), ("0steps", 0, .steps), ("1e+3Steps", 1000, .steps), ("64bytes", 64, .bytes),
  ])
  func `amounts are understood`(text: String, value: Double, unit: Quantity.Unit) {
    #expect(Quantity(text) == Quantity(value, unit))
  }

  @Test(arguments: [
    "", "steps", "100", "1.5steps", "-1steps", "1e400tokens", "nan epochs", "3 parsecs", "1 2steps", "e5tokens",
    "1e20tokens",
    "0x10steps", "1..2epochs",
  ])
  func `what is no amount is refused`(text: String) {
    #expect(Quantity(text) == nil)
  }

  @Test func `an amount is written as it is read`() {
    for quantity in [
      Quantity(1000, .steps), Quantity(2e9, .tokens), Quantity(1, .epochs), Quantity(0.25, .epochs),
      Quantity(0, .documents), Quantity(0x1p53, .bytes),
    ] {
      #expect(Quantity(quantity.description) == quantity)
    }
    #expect(Quantity(2e9, .tokens).description == "2000000000tokens")
    #expect(Quantity(2e9, .tokens).count == 2_000_000_000)
  }
}

@Suite struct SpellingTests {
  @Test(arguments: [
    ("clip", "clip", 0), ("clp", "clip", 1), ("cilp", "clip", 1), ("weight-decay", "weight_decay", 0), ("", "abc", 3),
    ("kitten", "sitting", 3), ("Seed", "seed", 0),
  ])
  func `distance counts edits`(first: String, second: String, edits: Int) {
    #expect(Spelling.distance(first, second) == edits)
    #expect(Spelling.distance(second, first) == edits)
  }

  @Test func `the nearest name is found and far names are not`() {
    #expect(Spelling.nearest(to: "lerning_rate", among: ["clip", "learning_rate", "warmup"]) == "learning_rate")
    #expect(Spelling.nearest(to: "zebra", among: ["clip", "learning_rate"]) == nil)
    #expect(Spelling.nearest(to: "vocab", among: ["kind", "vocabulary"]) == "vocabulary")
    #expect(Spelling.nearest(to: "x", among: []) == nil)
  }
}
