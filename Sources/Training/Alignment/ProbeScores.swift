import Corpus
import Kernels
import MPI
import Transformer

/// The scores of probes along a direction, by the estimators that read sequences of their own: with a probe of b sequences a
/// domain,
///
///     gradients   the mean gradient of each domain, shared and summed by all ranks, as in the paper; then an inner product
///     dots        domains dealt to the ranks, the gradient of each sequence, an inner product; what travels is one number each
///     ghost       sequences dealt to the ranks, and the derivative along the direction without any gradient
///
/// All give `< gradient of the mean loss, direction >`, by sequence or, with `gradients`, by domain.
package struct ProbeScores: ~Copyable {
  private let domains: [TokenSlice]
  private let length: Int
  private let groups: Int
  private var reader: BatchReader

  /// Prepares to probe the domains of a run.
  package init(_ plan: RunPlan) {
    domains = plan.corpus.domains.map(\.train)
    length = plan.model.context
    groups = plan.groups
    reader = BatchReader(length: length, capacity: plan.batch.micro)
  }

  /// Scores the windows of whole domains, one domain after the other, with the same number of each.
  ///
  /// Collective: every rank calls, with the same windows, parameters and direction.
  ///
  /// - Parameters:
  ///   - scores: Receives a score for each window; with `gradients` that of its domain's mean.
  ///   - norms: Receives the norm of every domain's mean gradient, in the order of the windows; from `gradients` and `dots` alone.
  ///   - gradients: Memory to work in; what it holds is overwritten.
  /// - Returns: The same memory, cleared.
  package mutating func measure(
    _ estimator: MixtureSettings.Estimator, _ windows: [Window], perDomain: Int, along direction: Matrix,
    into scores: inout [Double], norms: inout [Double], _ model: inout GPT2, parameters: borrowing Arena,
    with gradients: consuming Gradients<Local>, _ reduction: inout GradientReduction, over world: borrowing Communicator
  ) throws -> Gradients<Local> {
    var gradients = gradients
    scores = [Double](repeating: 0, count: windows.count)
    norms = [Double](repeating: 0, count: windows.count / perDomain)
    if estimator == .gradients {
      for domain in norms.indices {
        let own = windows[(domain * perDomain)..<((domain + 1) * perDomain)]
        let averaged = try meanGradient(own, &model, parameters, gradients, &reduction, over: world)
        let row = averaged.row
        let product = try reduction.sum(over: world) { first, count, _ in
          dot(row.columns(first, count: count), direction.columns(first, count: count))
        }
        for place in own.indices { scores[place] = product }
        norms[domain] = try reduction.norm(of: averaged, over: world)
        gradients = averaged.cleared()
      }
      return gradients
    }
    if estimator == .dots {
      for domain in stride(from: world.rank, to: norms.count, by: world.size) {
        let own = (domain * perDomain)..<((domain + 1) * perDomain)
        norms[domain] = try dots(windows, own, along: direction, into: &scores, &model, parameters, gradients.row)
      }
    } else {
      let chunks = (windows.count + model.capacity - 1) / model.capacity
      for chunk in stride(from: world.rank, to: chunks, by: world.size) {
        let places = (chunk * model.capacity)..<min((chunk + 1) * model.capacity, windows.count)
        try read(windows[places])
        model.forward(reader, parameters: parameters)
        _ = model.score(parameters: parameters, along: direction, scale: 1 / Float(length))
        for (sequence, place) in places.enumerated() { scores[place] = model.score(ofSequence: sequence) }
      }
    }
    // Every rank has filled in its own places, so sums only move them.
    var span = scores.mutableSpan
    try world.allReduce(&span, .sum)
    var normSpan = norms.mutableSpan
    try world.allReduce(&normSpan, .sum)
    return gradients
  }

  /// Computes the mean gradient of some windows, summed over all ranks, which share them.
  private mutating func meanGradient(
    _ windows: ArraySlice<Window>, _ model: inout GPT2, _ parameters: borrowing Arena,
    _ gradients: consuming Gradients<Local>, _ reduction: inout GradientReduction, over world: borrowing Communicator
  ) throws -> Gradients<Averaged> {
    var gradients = gradients
    // Small enough that all groups have some.
    let size = min(model.capacity, (windows.count + groups - 1) / groups)
    let tree = SummationTree(microBatches: (windows.count + size - 1) / size, groups: groups, ranks: world.size)
    let own = tree.groups(of: world.rank)
    for group in own {
      for microBatch in tree.microBatches(of: group) {
        try read(windows.dropFirst(microBatch * size).prefix(size))
        model.forward(reader, parameters: parameters)
        _ = gradients.accumulate(&model, parameters: parameters, scale: 1 / Float(windows.count * length))
      }
      if group + 1 < own.upperBound { gradients.closeGroup() }
    }
    return try gradients.averaged(by: &reduction, over: world)
  }

  /// Scores the sequences of a domain by their gradients, which are added up one by one in `sum`; returns the norm of their mean.
  ///
  /// A sequence's score is how much its gradient adds to the inner product of the sum.
  private mutating func dots(
    _ windows: [Window], _ own: Range<Int>, along direction: Matrix, into scores: inout [Double], _ model: inout GPT2,
    _ parameters: borrowing Arena, _ sum: Matrix
  ) throws -> Double {
    var before = 0.0
    for place in own {
      try read(windows[place...place])
      model.forward(reader, parameters: parameters)
      _ = model.backward(
        parameters: parameters, gradients: sum, adding: place > own.lowerBound, scale: 1 / Float(length)
      ) { _ in }
      let product = dot(sum, direction)
      scores[place] = product - before
      before = product
    }
    return sumOfSquares(sum).squareRoot() / Double(own.count)
  }

  private mutating func read(_ windows: ArraySlice<Window>) throws {
    reader.clear()
    for window in windows { try reader.append(window.index, of: domains[Int(window.domain)]) }
  }
}
