import Foundation

/// The record of a step as a line of JSON, written into memory that is kept: a steady step allocates nothing.
///
/// The keys are those of ``MetricRecord/Step``, sorted. Numbers have as many digits as give them back, to the bit.
struct StepLine {
  private(set) var bytes: [UInt8] = []

  init() { bytes.reserveCapacity(1024) }

  /// Replaces the line by that of another step.
  mutating func write(_ record: MetricRecord.Step) {
    bytes.removeAll(keepingCapacity: true)
    add("{\"flops_share\":", record.flops_share)
    add(",\"gradient_norm\":", record.gradient_norm)
    add(",\"kind\":\"step\"")
    add(",\"learning_rate\":", record.learning_rate)
    add(",\"loss\":", record.loss)
    let seconds = record.seconds
    add(",\"seconds\":{\"alignment\":", seconds.alignment)
    add(",\"backward\":", seconds.backward)
    add(",\"data\":", seconds.data)
    add(",\"exchange\":", seconds.exchange)
    add(",\"forward\":", seconds.forward)
    add(",\"gather\":", seconds.gather)
    add(",\"reduce_exposed\":", seconds.reduce_exposed)
    add(",\"total\":", seconds.total)
    add(",\"update\":", seconds.update)
    add(",\"wait\":", seconds.wait)
    add("},\"step\":", record.step)
    add(",\"tokens\":", record.tokens)
    add(",\"tokens_per_second\":", record.tokens_per_second)
    add("}\n")
  }

  private mutating func add(_ literal: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount))
  }

  /// A key and a whole number.
  private mutating func add(_ key: StaticString, _ value: Int) {
    add(key)
    let first = bytes.count
    var rest = value.magnitude
    repeat {
      bytes.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    var (low, high) = (first, bytes.count - 1)
    while low < high {
      bytes.swapAt(low, high)
      (low, high) = (low + 1, high - 1)
    }
  }

  /// A key and a number; `null` if there is none or it is not finite, which JSON cannot say.
  private mutating func add(_ key: StaticString, _ value: Double?) {
    add(key)
    guard let value, value.isFinite else { return add("null") }
    // Room for one number: sign, 17 digits, point, exponent.
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { text in
      guard let text = text.baseAddress else { return }
      for digits in 15...17 {
        gcvt(value, Int32(digits), text)
        if strtod(text, nil) == value { break }
      }
      var place = text
      while place.pointee != 0 {
        bytes.append(UInt8(bitPattern: place.pointee))
        place += 1
      }
    }
  }
}
