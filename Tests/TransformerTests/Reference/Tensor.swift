/// A naive GPT-2 in Double, written to be read: the oracle that the fast model is compared with.
///
/// Every formula is the plainest loop that computes it. The backward pass is written by hand and checked against
/// central differences, and both passes against PyTorch, so that whatever agrees with this agrees with GPT-2.
enum Reference {}

extension Reference {
  /// A dense array of one or two dimensions in row-major order.
  struct Tensor {
    let shape: [Int]
    private(set) var values: [Double]
    private let columns: Int

    init(zeros shape: Int...) { self.init(shape, [Double](repeating: 0, count: shape.reduce(1, *))) }

    init(_ shape: [Int], _ values: [Double]) {
      precondition((1...2).contains(shape.count) && shape.reduce(1, *) == values.count)
      self.shape = shape
      self.values = values
      columns = shape.last!
    }

    subscript(index: Int) -> Double {
      get { values[index] }
      set { values[index] = newValue }
    }

    subscript(row: Int, column: Int) -> Double {
      get { values[row * columns + column] }
      set { values[row * columns + column] = newValue }
    }

    /// Zeros of the same shape.
    var zeros: Tensor { Tensor(shape, [Double](repeating: 0, count: values.count)) }

    static func + (a: Tensor, b: Tensor) -> Tensor {
      precondition(a.shape == b.shape)
      return Tensor(a.shape, zip(a.values, b.values).map { $0 + $1 })
    }

    static func += (a: inout Tensor, b: Tensor) { a = a + b }
  }
}
