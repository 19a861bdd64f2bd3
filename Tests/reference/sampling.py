"""Draws a batch as Sources/Corpus/Sampling does, written a second time: prints the numbers that the tests record.

Run as: python3 Tests/reference/sampling.py
The weights below fill whole columns of the alias table exactly, so the table is written out by hand.
"""

M32, M64 = 2**32 - 1, 2**64 - 1


def philox(counter, seed):
    x, k = list(counter), [seed & M32, seed >> 32]
    for _ in range(10):
        a, b = x[0] * 0xD2511F53, x[2] * 0xCD9E8D57
        x = [b >> 32 ^ x[1] ^ k[0], b & M32, a >> 32 ^ x[3] ^ k[1], a & M32]
        k = [k[0] + 0x9E3779B9 & M32, k[1] + 0xBB67AE85 & M32]
    return x[1] << 32 | x[0], x[3] << 32 | x[2]


def mixed(z):
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & M64
    z = (z ^ z >> 27) * 0x94D049BB133111EB & M64
    return z ^ z >> 31


def permuted(position, count, key):
    half = max(1, ((count - 1).bit_length() + 1) // 2)
    mask, x = 2**half - 1, position
    while True:
        left, right = x >> half, x & mask
        for r in range(8):
            left, right = right, left ^ mixed(right + key[0] + r * (key[1] | 1) & M64) & mask
        x = left << half | right
        if x < count:
            return x


seed, step, stream = 42, 3, 0
counts = [10, 20, 30]
# Weights 1 : 2 : 3 are columns of 1/3: half of domain 0 and half of domain 2; domain 1; domain 2.
thresholds, aliases = [0.5, 1, 1], [2, 1, 2]
cursors, domains, indices = [0, 0, 0], [], []
for slot in range(6):
    low, high = philox((slot, step, 0, stream), seed)
    column = low * 3 >> 64
    domain = column if (high >> 11) / 2**53 < thresholds[column] else aliases[column]
    epoch, position = divmod(cursors[domain], counts[domain])
    cursors[domain] += 1
    domains.append(domain)
    indices.append(permuted(position, counts[domain], philox((domain, epoch, 0, stream | 1 << 31), seed)))
print(domains, indices)
