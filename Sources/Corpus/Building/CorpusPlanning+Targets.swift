import Settings
import Storage

extension CorpusPlanning {
  /// Divides a target into steering and evaluation documents.
  mutating func planTarget(_ target: Int) throws {
    let plan = recipe.targets[target]
    let selection = selection
    let ranked = try selection.shuffled(target)
    var texts: [PlannedText] = []
    if ranked.count == 1 {
      let document = try selection.document(ranked[0], of: target)
      if let length = try selection.cut(document, tailShare: 0.8) {
        texts = document.cut(at: length, owner: target)
        withheld.insert(document.identity)
      }
    }
    guard max(ranked.count, texts.count) >= 2 else {
      throw plan.source.section.failure(
        "paths", "The \(plan.source.owner) needs at least two documents, one that steers and one that is evaluated.",
        kind: .badData)
    }
    let counts = try division(of: plan, total: max(ranked.count, texts.count)) { place in
      guard texts.isEmpty else { return texts[place] }
      return PlannedText(try selection.document(ranked[place], of: target), owner: target, place: place)
    }
    var rest = checkedBytes
    for place in 0..<counts.steering + counts.evaluation {
      try watch.check()
      var text: PlannedText
      if texts.isEmpty {
        let document = try selection.document(ranked[place], of: target)
        withheld.insert(document.identity)
        text = PlannedText(document, owner: target, place: place)
      } else {
        text = texts[place]
      }
      text.checked = Self.check(text.count, &rest)
      try writers[place < counts.steering ? .steering : .evaluation]!.append(text)
    }
  }

  /// How many texts, in their order, steer and how many are evaluated.
  ///
  /// Without amounts a fifth steers and the rest is evaluated; with one amount the other part gets the rest.
  private mutating func division(
    of plan: Recipe.TargetPlan, total: Int, _ text: (Int) throws -> PlannedText
  ) throws -> (steering: Int, evaluation: Int) {
    /// The number of texts that an amount takes of some, which must be there.
    func take(_ amount: Quantity, of places: Range<Int>, _ key: String) throws -> Int {
      if amount.unit == .documents, amount.count <= places.count { return amount.count }
      if amount.unit == .tokens {
        var tokens = 0
        for place in places {
          try watch.check()
          tokens += try tokenCount(of: try text(place))
          if tokens >= amount.count { return place - places.lowerBound + 1 }
        }
      }
      throw plan.source.section.failure(
        key,
        "The \(plan.source.owner) has \(total) different documents, of which \(places.count) can be used here; "
          + "that is less than \(amount).")
    }
    switch (plan.steering, plan.evaluation) {
    case (nil, nil):
      let steering = max(1, total / 5)
      return (steering, total - steering)
    case (nil, let amount?):
      let evaluation = try take(amount, of: 0..<total - 1, "evaluation")
      return (total - evaluation, evaluation)
    case (let amount?, nil):
      let steering = try take(amount, of: 0..<total - 1, "steering")
      return (steering, total - steering)
    case (let first?, let second?):
      let steering = try take(first, of: 0..<total - 1, "steering")
      return (steering, try take(second, of: steering..<total, "evaluation"))
    }
  }

  /// The tokens of a text, its end included.
  private mutating func tokenCount(of text: PlannedText) throws -> Int {
    try catalogue.withText(ofBlock: text.block, offset: text.offset, count: Int(text.count)) {
      try encoder.encode($0).count + 1
    }
  }
}

extension Document {
  /// The two texts of a document that is cut after some bytes.
  func cut(at length: Int, owner: Int) -> [PlannedText] {
    var head = PlannedText(self, owner: owner, place: 0)
    var tail = PlannedText(self, owner: owner, place: 1)
    head.count = Int32(length)
    tail.count -= Int32(length)
    tail.offset += length
    return [head, tail]
  }
}
