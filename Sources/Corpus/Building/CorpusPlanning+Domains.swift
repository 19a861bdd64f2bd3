import Storage

extension CorpusPlanning {
  /// Splits a domain into training and validation documents.
  mutating func planDomain(_ domain: Int, _ elsewhere: inout DocumentSelection.Parts) throws {
    let plan = recipe.domains[domain]
    let owner = recipe.targets.count + domain
    let (selection, catalogue) = (selection, catalogue)
    try watch.check()
    let ranked = try selection.shuffled(owner) { document in
      guard withheld.contains(document.identity) else { return true }
      split[owner].note(.ofTarget, first: catalogue.name(of: document))
      return false
    }
    guard !ranked.isEmpty else {
      throw plan.source.section.failure(
        "paths",
        "The \(plan.source.owner) is empty: all of its text belongs to a target. Give it other paths or remove it.",
        kind: .badData)
    }
    let chosen = selection.limited(ranked, to: plan.limit)
    let heldOut = try selection.heldOut(
      of: chosen, of: owner, share: recipe.validationShare, elsewhere: elsewhere)
    var conflicts = SplitConflicts(elsewhere)
    var rest = checkedBytes
    for (place, ranked) in (heldOut == nil ? chosen.prefix(1) : chosen).enumerated() {
      try watch.check()
      let document = try selection.document(ranked, of: owner)
      var texts = [PlannedText(document, owner: owner, place: place)]
      if heldOut == nil {
        guard let length = try selection.cut(document, tailShare: recipe.validationShare) else {
          throw plan.source.section.failure(
            "paths", "The \(plan.source.owner) is a single document too short to be cut into training and validation.",
            kind: .badData)
        }
        texts = document.cut(at: length, owner: owner)
      }
      let isHeldOut = heldOut?.contains(document.identity) ?? false
      // Also of a document that was cut, the whole is compared with targets.
      texts[0].compared = recipe.targets.isEmpty ? 0 : document.count
      texts[0].checked = Self.check(document.count, &rest)
      try writers[isHeldOut ? .validation : .train]!.append(texts[0])
      if texts.count > 1 { try writers[.validation]!.append(texts[1]) }
      if duplicates[selection.number(of: ranked, of: owner)].contains(.shared) {
        if texts.count > 1 || !isHeldOut { conflicts.train(document) }
        if texts.count > 1 || isHeldOut { conflicts.holdOut(document) }
      }
    }
    elsewhere = conflicts.parts
    if let first = conflicts.first {
      split[owner].note(.heldOutElsewhere, count: conflicts.count, first: catalogue.name(of: first))
    }
  }
}

/// Finds texts of a domain that another domain has in the other part.
private struct SplitConflicts {
  private let earlier: DocumentSelection.Parts
  /// In which parts texts are, this domain's included.
  private(set) var parts: DocumentSelection.Parts
  private var trained: Document?
  private var heldOut: Document?
  private(set) var count = 0

  init(_ earlier: DocumentSelection.Parts) { (self.earlier, parts) = (earlier, earlier) }

  /// The first document that is trained on, or else that is held out.
  var first: Document? { trained ?? heldOut }

  mutating func train(_ document: Document) {
    parts.trained.insert(document.identity)
    guard earlier.heldOut.contains(document.identity) else { return }
    count += 1
    trained = trained ?? document
  }

  mutating func holdOut(_ document: Document) {
    parts.heldOut.insert(document.identity)
    guard earlier.trained.contains(document.identity) else { return }
    count += 1
    heldOut = heldOut ?? document
  }
}
