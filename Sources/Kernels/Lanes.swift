import CIntrinsics

/// The vector that kernels work in: a register of 16 floats with AVX-512, or of 8 with AVX2. Other modules must not see
/// it: they are not compiled for this processor, and would take it for another.
typealias Lanes = dga_lanes

/// Half a vector.
typealias HalfLanes = dga_half_lanes

/// The number of floats in ``Lanes``.
var laneCount: Int { Lanes.scalarCount }

/// Reads `lanes` floats from `pointer`, the rest zero.
@inline(always)
func load(_ pointer: UnsafePointer<Float>, _ lanes: Int = laneCount) -> Lanes {
  if lanes == laneCount { return UnsafeRawPointer(pointer).loadUnaligned(as: Lanes.self) }
  var value = Lanes.zero
  for lane in 0..<lanes { value[lane] = pointer[lane] }
  return value
}

/// Writes the first `lanes` floats of `value` to `pointer`.
@inline(always)
func store(_ value: Lanes, _ pointer: UnsafeMutablePointer<Float>, _ lanes: Int = laneCount) {
  if lanes == laneCount {
    UnsafeMutableRawPointer(pointer).storeBytes(of: value, as: Lanes.self)
  } else {
    for lane in 0..<lanes { pointer[lane] = value[lane] }
  }
}

/// Calls `body(offset, lanes)` for every full vector in `0..<count`, then once for what is left.
///
/// The compiler does not vectorise loops that write through several pointers, for fear of aliasing; explicit vectors
/// with one masked tail keep each kernel a single body.
@inline(always)
func forEachVector(_ count: Int, _ body: (_ offset: Int, _ lanes: Int) -> Void) {
  var offset = 0
  while offset + laneCount <= count {
    body(offset, laneCount)
    offset += laneCount
  }
  if offset < count { body(offset, count - offset) }
}

/// The same value in every lane.
@inline(always)
func splat(_ value: Float) -> Lanes { Lanes(repeating: value) }

/// The bits of ``Lanes``.
private typealias Bits = Lanes.MaskStorage

/// e^x in each lane, relative error below 1.5e-7 for |x| <= 87, saturating beyond; NaN stays NaN.
///
/// Range reduction x = n ln 2 + r with ln 2 in two parts (Cody and Waite), a polynomial of degree 7 on |r| <= ln 2 / 2
/// (coefficients as in the Cephes library's `expf`), and the exponent added through the bits. Rounding is done by
/// adding and subtracting 1.5 x 2^23: `.rounded()` is a call per element.
@inline(__always)
func exponential(_ argument: Lanes) -> Lanes {
  var x = argument.replacing(with: splat(-87), where: argument .< splat(-87))
  x = x.replacing(with: splat(88), where: x .> splat(88))
  let shifted = splat(12_582_912).addingProduct(x, splat(1.442_695_04))
  let n = shifted - splat(12_582_912)
  let r = x.addingProduct(n, splat(-0.693_359_375)).addingProduct(n, splat(2.121_944_4e-4))
  var p = splat(1.987_569_15e-4)
  p = splat(1.398_199_95e-3).addingProduct(p, r)
  p = splat(8.333_451_9e-3).addingProduct(p, r)
  p = splat(4.166_579_6e-2).addingProduct(p, r)
  p = splat(1.666_666_55e-1).addingProduct(p, r)
  p = splat(0.5).addingProduct(p, r)
  let fraction = (r + splat(1)).addingProduct(p, r * r)
  let exponent = (unsafeBitCast(shifted, to: Bits.self) &+ Bits(repeating: 127)) &<< Bits(repeating: 23)
  return fraction * unsafeBitCast(exponent, to: Lanes.self)
}
