/// A question with answers to choose from.
public struct Question: Equatable, Sendable {
  /// The question.
  public let text: String
  /// The answers, 2 to 26 of them.
  public let choices: [String]
  /// The place of the right answer among them.
  public let answer: Int
  /// What the question is about, as in the name of its file.
  public let subject: String

  /// The numbers of answers that a question can have: each has a letter.
  static let choiceCounts = 2...26

  /// Makes a question.
  public init(_ text: String, choices: [String], answer: Int, subject: String) {
    (self.text, self.choices, self.answer, self.subject) = (text, choices, answer, subject)
  }

  /// The letter of an answer, from A on.
  static func letter(_ choice: Int) -> String { String(UnicodeScalar(UInt8(ascii: "A") + UInt8(choice))) }

  /// The place of the answer that a letter stands for; nil if it stands for none of `count`.
  static func choice(_ letter: some StringProtocol, of count: Int) -> Int? {
    guard letter.utf8.count == 1, let byte = letter.utf8.first, byte >= UInt8(ascii: "A") else { return nil }
    let place = Int(byte - UInt8(ascii: "A"))
    return place < count ? place : nil
  }
}
