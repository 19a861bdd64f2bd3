/// The sum of the bit patterns of floats, modulo 2^32 in each of its lanes and in all: the sum changes if one float
/// does.
///
/// Two changes cancel with a probability of 2^-32. The order of additions does not matter, so neither do threads.
struct BitSum {
  /// The bits of ``Lanes``.
  private typealias Bits = Lanes.MaskStorage

  private var sums = Bits.zero

  /// Adds the floats of a vector.
  @inline(always)
  mutating func add(_ value: Lanes) { sums = sums &+ unsafeBitCast(value, to: Bits.self) }

  /// Adds the first `lanes` floats of a vector; the others may be anything.
  @inline(always)
  mutating func add(_ value: Lanes, _ lanes: Int) {
    if lanes == laneCount { return add(value) }
    var part = Lanes.zero
    for lane in 0..<lanes { part[lane] = value[lane] }
    add(part)
  }

  var total: UInt32 { UInt32(truncatingIfNeeded: sums.wrappedSum()) }
}

/// The wrap-around sum of the bit patterns of all elements: it changes if one element does.
public func bitSum(_ a: Matrix) -> UInt32 {
  precondition(a.isContiguous, "a contiguous view")
  let base = a.base
  return sumOverThreads(a.count, values: 1) { first, count, sums in
    var even = BitSum()
    var odd = BitSum()
    var i = 0
    while i + 2 * laneCount <= count {
      even.add(load(base + first + i))
      odd.add(load(base + first + i + laneCount))
      i += 2 * laneCount
    }
    while i < count {
      even.add(load(base + first + i, min(laneCount, count - i)))
      i += laneCount
    }
    sums[0] = even.total &+ odd.total
  }[0]
}

/// Calls `body` with consecutive parts of `0..<total`, one for each thread, and adds up what each leaves in its
/// `values` numbers, of which there are at most 6.
@inline(always)
func sumOverThreads(
  _ total: Int, values: Int, _ body: (_ first: Int, _ count: Int, _ sums: UnsafeMutablePointer<UInt32>) -> Void
) -> InlineArray<6, UInt32> {
  withUnsafeTemporaryAllocation(of: UInt32.self, capacity: values * Threads.count) { memory in
    memory.initialize(repeating: 0)
    // Each thread writes to its own numbers.
    nonisolated(unsafe) let slots = memory.baseAddress!
    forEachThread(total, multipleOf: laneCount) { thread, first, count in body(first, count, slots + thread * values) }
    var sums = InlineArray<6, UInt32>(repeating: 0)
    for place in memory.indices { sums[place % values] &+= slots[place] }
    return sums
  }
}
