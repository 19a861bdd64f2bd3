/// Token ids of a micro-batch in memory of their own, one after the other.
struct TokenBuffer {
  private var ids: [Int32]

  /// Makes room for `capacity` ids.
  init(capacity: Int) { ids = [Int32](repeating: 0, count: capacity) }

  /// All ids; those past the present micro-batch are left from an earlier one.
  var span: Span<Int32> {
    @_lifetime(borrow self) get { ids.span }
  }

  /// Takes `length` ids from place `first` on of each window of `length` + 1 ids.
  mutating func copy(_ windows: Span<Int32>, from first: Int, sequences: Int, length: Int) {
    for sequence in 0..<sequences {
      for t in 0..<length { ids[sequence * length + t] = windows[sequence * (length + 1) + first + t] }
    }
  }
}
