import Kernels
import Testing
import Transformer

/// The Float model with its tiles and fused kernels, against the naive one in Double.
struct ModelAgainstReferenceTests {
  struct Case: CustomTestStringConvertible {
    let shape: Reference.Shape
    let microBatches: [Int]  // sequences of each
    let length: Int
    let reason: String
    var testDescription: String { reason }
  }

  /// Attention works in tiles of 128 queries, the head in tiles of 384 rows, and products in pieces of 384 steps.
  static let cases = [
    Case(
      shape: .init(layers: 2, heads: 2, width: 16, context: 16, vocabulary: 32),
      microBatches: [2], length: 16, reason: "even sizes"),
    Case(
      shape: .init(layers: 3, heads: 3, width: 21, context: 17, vocabulary: 37),
      microBatches: [3], length: 13, reason: "odd sizes, shorter than the context"),
    Case(
      shape: .init(layers: 1, heads: 1, width: 19, context: 11, vocabulary: 53),
      microBatches: [1], length: 11, reason: "one layer, one head, one sequence"),
    Case(
      shape: .init(layers: 2, heads: 5, width: 5, context: 9, vocabulary: 7),
      microBatches: [2], length: 9, reason: "heads of width one"),
    Case(
      shape: .init(layers: 2, heads: 2, width: 10, context: 4, vocabulary: 12),
      microBatches: [3], length: 1, reason: "sequences of one token"),
    Case(
      shape: .init(layers: 2, heads: 3, width: 33, context: 64, vocabulary: 101),
      microBatches: [2], length: 64, reason: "half a tile of attention"),
    Case(
      shape: .init(layers: 2, heads: 2, width: 26, context: 80, vocabulary: 67),
      microBatches: [3, 1, 2], length: 70, reason: "one tile of attention, micro-batches of 3, 1 and 2"),
    Case(
      shape: .init(layers: 1, heads: 4, width: 44, context: 130, vocabulary: 97),
      microBatches: [1, 1], length: 130, reason: "two tiles of attention, two micro-batches"),
    Case(
      shape: .init(layers: 2, heads: 2, width: 34, context: 200, vocabulary: 131),
      microBatches: [2], length: 200, reason: "two tiles of attention and of the head"),
    Case(
      shape: .init(layers: 1, heads: 1, width: 6, context: 47, vocabulary: 33_001),
      microBatches: [3, 3], length: 47, reason: "a large vocabulary"),
    Case(
      shape: .init(layers: 1, heads: 2, width: 10, context: 430, vocabulary: 41),
      microBatches: [1], length: 430, reason: "four tiles of attention, keys in two pieces"),
  ]

  /// Float has a unit roundoff of 6e-8. A gradient passes through some 30 rounded stages, each a sum of up to a few
  /// hundred terms whose errors mostly cancel: about 1e-6 of its norm (measured: all within 1.1e-6). Another BLAS
  /// kernel may add in a less lucky order, hence the margin. A wrong term costs 1e-2, an epsilon of 1e-6 in LayerNorm
  /// 1e-3, a GELU with 0.0447 for 0.044715 still 2.5e-5.
  static let tolerance = 2e-5

  @Test("Loss and every gradient are the reference's", arguments: cases)
  func agrees(_ c: Case) {
    let reference = Self.reference(c.shape)
    let windows = Self.windows(c)
    let batch = Reference.Batch(windows: windows)
    let expectedLosses = reference.tokenLosses(batch)
    let expectedGradients = reference.gradients(batch)

    var model = Self.model(c)
    let parameters = Self.arena(reference.parameters, model.layout)
    let gradients = Arena(count: model.layout.arenaCount)
    let scale = 1 / Float(batch.targets.count)
    var losses: [Double] = []
    var evaluated: [Double] = []
    var sums: [Double] = []
    var first = 0
    for sequences in c.microBatches {
      let tokens = windows[first..<first + sequences].flatMap { $0.map(Int32.init) }
      model.forward(tokens.span, parameters: parameters)
      sums.append(model.backward(parameters: parameters, gradients: gradients, scale: scale))
      losses += Self.values(of: model.losses)
      model.evaluate(tokens.span, parameters: parameters.row)
      evaluated += Self.values(of: model.losses)
      first += sequences
    }
    #expect(relativeError(losses, expectedLosses) < Self.tolerance)
    #expect(relativeError(evaluated, expectedLosses) < Self.tolerance)
    #expect(relativeError([sums.reduce(0, +)], [expectedLosses.reduce(0, +)]) < Self.tolerance)

    #expect(model.layout.tensors.map(\.name) == expectedGradients.names)
    for tensor in model.layout.tensors {
      #expect(tensor.shape == expectedGradients[tensor.name].shape, "\(tensor.name)")
      let gradient = Self.values(of: tensor, in: gradients)
      let error = relativeError(gradient, expectedGradients[tensor.name].values)
      #expect(error < Self.tolerance, "\(tensor.name)")
    }
    // Norms and reductions run over the whole arena, so what lies between the tensors must stay zero.
    var isGap = [Bool](repeating: true, count: gradients.count)
    for tensor in model.layout.tensors { for i in tensor.range { isGap[i] = false } }
    #expect(isGap.indices.allSatisfy { !isGap[$0] || gradients.row[0, $0] == 0 })
  }

  /// The scale is exact in Float when it is a power of two, so doubling it must double what is added, bit for bit.
  @Test("Gradients are added to what is there, in proportion to the scale")
  func accumulates() {
    let c = Self.cases[1]
    let tokens = Self.windows(c).flatMap { $0.map(Int32.init) }
    var model = Self.model(c)
    let parameters = Self.arena(Self.reference(c.shape).parameters, model.layout)
    let once = Arena(count: model.layout.arenaCount)
    let doubled = Arena(count: model.layout.arenaCount)
    let twice = Arena(count: model.layout.arenaCount)
    model.forward(tokens.span, parameters: parameters)
    _ = model.backward(parameters: parameters, gradients: once, scale: 0.125)
    model.forward(tokens.span, parameters: parameters)
    _ = model.backward(parameters: parameters, gradients: doubled, scale: 0.25)
    for _ in 0..<2 {
      model.forward(tokens.span, parameters: parameters)
      _ = model.backward(parameters: parameters, gradients: twice, scale: 0.125)
    }
    for tensor in model.layout.tensors {
      let gradient = Self.values(of: tensor, in: once).map { 2 * $0 }
      #expect(gradient == Self.values(of: tensor, in: doubled), "\(tensor.name)")
      // Sums over rows may start from what is there, which rounds differently.
      #expect(relativeError(gradient, Self.values(of: tensor, in: twice)) < 1e-5, "\(tensor.name)")
    }
  }

  @Test("Overwriting gives what adding to zeros gives, whatever was there, and every range is completed once, in order")
  func overwrites() {
    let c = Self.cases[1]
    let tokens = Self.windows(c).flatMap { $0.map(Int32.init) }
    var model = Self.model(c)
    let parameters = Self.arena(Self.reference(c.shape).parameters, model.layout)
    let added = Arena(count: model.layout.arenaCount)
    let overwritten = Arena(count: model.layout.arenaCount)
    model.forward(tokens.span, parameters: parameters)
    _ = model.backward(parameters: parameters, gradients: added, scale: 0.125)
    for tensor in model.layout.tensors { for i in tensor.range { overwritten.row[0, i] = .nan } }
    var completed: [Range<Int>] = []
    _ = model.backward(
      parameters: parameters.row, gradients: overwritten.row, adding: false, LossScale(0.125)
    ) { range in
      completed.append(range)
      // What is said to be complete is.
      for i in range { #expect(overwritten.row[0, i] == added.row[0, i]) }
    }
    #expect(completed == model.layout.parts.reversed())
    #expect(completed.reversed().map(\.lowerBound) == [0] + completed.reversed().dropLast().map(\.upperBound))
    #expect(completed.first?.upperBound == model.layout.arenaCount)
  }

  @Test("A forward pass reads no parameter before it has asked for it, and asks for every range once, in order")
  func asks() {
    let c = Self.cases[1]
    let tokens = Self.windows(c).flatMap { $0.map(Int32.init) }
    var model = Self.model(c)
    let parameters = Self.arena(Self.reference(c.shape).parameters, model.layout)
    let arriving = Arena(count: model.layout.arenaCount)
    for i in 0..<arriving.count { arriving.row[0, i] = .nan }
    model.forward(tokens.span, parameters: parameters)
    let loss = model.backward(parameters: parameters, gradients: Arena(count: model.layout.arenaCount), scale: 1)
    var needed: [Range<Int>] = []
    model.forward(tokens.span, parameters: arriving.row) { range in
      needed.append(range)
      copy(
        parameters.row.columns(range.lowerBound, count: range.count),
        to: arriving.row.columns(range.lowerBound, count: range.count))
    }
    #expect(needed == model.layout.parts)
    #expect(model.backward(parameters: parameters, gradients: Arena(count: model.layout.arenaCount), scale: 1) == loss)
  }

  @Test("Recomputed activations give the same bits", arguments: [0, 6])
  func recomputes(index: Int) {
    let c = Self.cases[index]
    let tokens = Self.windows(c).prefix(c.microBatches.max()!).flatMap { $0.map(Int32.init) }
    var keeping = Self.model(c)
    var recomputing = Self.model(c, recomputing: true)
    let layout = keeping.layout
    let parameters = Self.arena(Self.reference(c.shape).parameters, layout)
    let kept = Arena(count: layout.arenaCount)
    let recomputed = Arena(count: layout.arenaCount)
    keeping.forward(tokens.span, parameters: parameters)
    recomputing.forward(tokens.span, parameters: parameters)
    let losses = keeping.backward(parameters: parameters, gradients: kept, scale: 1)
    #expect(recomputing.backward(parameters: parameters, gradients: recomputed, scale: 1) == losses)
    for i in 0..<layout.arenaCount { #expect(kept.row[0, i] == recomputed.row[0, i]) }
  }

  // MARK: The same weights and tokens on both sides

  static func reference(_ shape: Reference.Shape) -> Reference.Model {
    let names = shape.tensors.map(\.name)
    let parameters = Reference.Parameters(shape) { tensor, element in
      HashedSetting.parameter(tensor: tensor, name: names[tensor], element: element, spread: 0.375)  // exact in Float
    }
    return Reference.Model(shape: shape, parameters: parameters)
  }

  static func windows(_ c: Case) -> [[Int]] {
    (0..<c.microBatches.reduce(0, +)).map { sequence in
      (0...c.length).map {
        Int(HashedSetting.hash(stream: 5000 + sequence, $0) % UInt64(c.shape.vocabulary))
      }
    }
  }

  static func model(_ c: Case, recomputing: Bool = false) -> GPT2 {
    let configuration = ModelConfiguration(
      layers: c.shape.layers, heads: c.shape.heads, width: c.shape.width, context: c.shape.context,
      vocabularySize: c.shape.vocabulary)
    return GPT2(configuration, sequences: c.microBatches.max()!, length: c.length, recomputing: recomputing)
  }

  static func arena(_ parameters: Reference.Parameters, _ layout: ParameterLayout) -> Arena {
    let arena = Arena(count: layout.arenaCount)
    for tensor in layout.tensors {
      for (i, value) in parameters[tensor.name].values.enumerated() {
        arena.row[0, tensor.offset + i] = Float(value)
      }
    }
    return arena
  }

  static func values(of matrix: Matrix) -> [Double] {
    (0..<matrix.rows).flatMap { row in (0..<matrix.columns).map { Double(matrix[row, $0]) } }
  }

  static func values(of tensor: ParameterLayout.Tensor, in arena: borrowing Arena) -> [Double] {
    let row = arena.row
    return tensor.range.map { Double(row[0, $0]) }
  }
}
