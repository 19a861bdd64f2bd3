"""Mutated input for every parser: whatever it is, the program ends in order, in time and in bounded memory."""
import concurrent.futures, ctypes, ctypes.util, gzip, json, os, random, re, shutil
from trials.trial import trial

ORDERLY = {0, 64, 65, 66, 73, 74, 75, 76, 78, 79}
MEMORY = 6_000_000  # kB of address space: OpenBLAS and MPI reserve more than they use

# What takes the place of numbers, what is put anywhere, and overrides.
NUMBERS = ["-1", "0", "1e308", "1e999", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "NaN",
           "null", "1.5", "1e-320", "\"7\"", "[]", "{}", "4294967296", "18446744073709551616", "true"]
PIECES = [b"[" * 20000, b"{\"a\":" * 5000, b"\xff\xfe", b"\0", b"\xed\xa0\x80", b"&a [*a, *a]", b"!!binary x", b"\r\n",
          b"- ", b": ", b"\"", b"'", b"\\u0000", b"\\ud800", b"#", b"%YAML 9.9\n---\n", b"\xe2\x80\xae", b"a" * 100000,
          b"<<: *x", b"\x1f\x8b"]
KEYS = ["model.width", "model.layers", "model.context", "batch.tokens", "batch.micro", "threads", "seed", "duration",
        "watchdog.limit", "mixture.every", "mixture.weights", "mixture.direction.targets", "optimizer.betas", "faults",
        "checkpoint.keep", "time_limit", "corpus", "run", "target"]
VALUES = [*NUMBERS, "1e15epochs", "-5steps", "0steps", "1e400tokens", "[1, 2", "{a: b", "", "\u202e", "&a [*a]",
          "x" * 5000, "~", "1_0_0", "0x10", "{kind: nan, step: 0}", "[[[[[[]]]]]]", "1e6steps",
          "99999999999999999999steps", ".inf", "-.inf", "'"]


class Parser:
    """An input of the program: where it lies, how it is read, and what must be made to fit again after a change."""

    def __init__(self, path, command, text=True, seal=None):
        self.path, self.command, self.text, self.seal = path, command, text, seal


def parsers():
    """By name; PATH is the copy of the workshop's files in which an input was changed."""
    train = ["train", "run.yaml", "run=new", "duration=2steps", "checkpoint.every=null", "evaluation=null"]
    resume = ["train", "run.yaml", "run=run", "duration=32steps", "--resume"]
    build, last = ["corpus", "build", "recipe.yaml", "-o", "new"], "run/checkpoints/step-00000030/"
    lines = [*build, "domains={lines: {paths: lines.jsonl}, zipped: {paths: zipped.jsonl.gz}}"]
    return {
        "run.yaml": Parser("run.yaml", train), "recipe.yaml": Parser("recipe.yaml", build),
        "JSON lines": Parser("lines.jsonl", lines), "gzip": Parser("zipped.jsonl.gz", lines, text=False),
        "text": Parser("texts/twin/0.txt", build),
        "corpus manifest": Parser("corpus/manifest.json", train, seal="corpus"),
        "evaluated manifest": Parser("corpus/manifest.json", ["evaluate", "run", "--corpus", "corpus"], seal="corpus"),
        "train.idx": Parser("corpus/train.idx", train, text=False, seal="corpus"),
        "train.bin": Parser("corpus/train.bin", train, text=False, seal="corpus"),
        "tokenizer": Parser("pieces/tokenizer.model", [*build, "tokenizer={file: pieces/tokenizer.model}"], text=False),
        "state.json": Parser(last + "state.json", resume, seal=last),
        "method.json": Parser(last + "method.json", resume, seal=last),
        "safetensors header": Parser(last + "model.safetensors", resume, seal=last),
        "optimizer header": Parser(last + "optimizer.safetensors", resume, seal=last),
        "exported header": Parser(last + "model.safetensors", ["export", "run", "-o", "new"], seal=last),
        "checkpoint manifest": Parser(last + "manifest.json", resume, seal=last),
        "config.yaml": Parser("run/config.yaml", ["align", "run"]),
        "metrics": Parser("run/metrics.jsonl", ["plot", "run", "-o", "new"]),
        "metrics of a run": Parser("run/metrics.jsonl", resume),
        "mixture.json": Parser("run/mixture.json", [*train, "mixture.prior=run"]),
        "override": Parser(None, train),
    }


@trial("mutations", "{count} mutated inputs of all parsers: recipe, run, JSON lines, gzip, tokenizer, manifests, .idx, "
       ".bin, state and safetensors headers with checksums that fit, metrics, overrides",
       "exit code 0, or one of the table except 70; no signal, at most 20 s, 6 GB of address space",
       full=5000, quick=400, minutes=90)
def mutations(shop, count):
    prepare(shop)
    kinds = parsers()
    names = [name for _ in range(count // len(kinds) + 1) for name in kinds][:count]
    seeds = [shop.random.randrange(1 << 60) for _ in names]
    tally = {}
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(attempt, shop, name, kinds[name], seed) for name, seed in zip(names, seeds)]
        try:
            for job in concurrent.futures.as_completed(jobs):
                status = job.result()
                tally[status] = tally.get(status, 0) + 1
        finally:
            for job in jobs:
                job.cancel()
    codes = ", ".join(f"{code}: {tally[code]}" for code in sorted(tally))
    return f"{count} inputs of {len(kinds)} kinds; exit codes {codes}"


def prepare(shop):
    """The files that are changed, in a directory of their own with relative paths."""
    shop.copy("texts", "base/texts")
    text = shop.read("run.yaml").decode().replace(f"{shop.path}/", "")
    shop.write("base/run.yaml", text)
    shop.write("base/recipe.yaml", shop.read("recipe.yaml"))
    records = [{"id": place, "text": f"Line {place} says \u00fc\n", "meta": {"a": [1, None]}} for place in range(40)]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    shop.write("base/lines.jsonl", lines)
    shop.write("base/zipped.jsonl.gz", gzip.compress(lines.replace("says", "tells").encode(), mtime=0))
    base = f"{shop.path}/base"
    build = ["corpus", "build", "recipe.yaml", "-o"]
    for words in ([*build, "corpus"], [*build, "pieces", "tokenizer={kind: sentencepiece, vocabulary: 400}"],
                  ["train", "run.yaml", "run=run", "duration=30steps"]):
        shop.start(["sh", "-c", f'cd {base}; exec "$@"', "sh", *shop.command(*words)]).wait().expect(0)


def attempt(shop, name, parser, seed):
    """Changes one input in a copy, runs what reads it, and keeps the copy if that ends out of order."""
    chance, place = random.Random(seed), f"trial-{seed:x}"
    shutil.copytree(f"{shop.path}/base", f"{shop.path}/{place}")
    command = list(parser.command)
    if parser.path:
        content = mutate(shop.read(f"{place}/{parser.path}"), parser, chance)
        shop.write(f"{place}/{parser.path}", content)
        if parser.seal:
            seal(shop, f"{place}/{parser.seal.rstrip('/')}", os.path.basename(parser.path))
    else:
        command += overrides(chance)
    words = ["sh", "-c", f'cd {shop.path}/{place}; ulimit -v {MEMORY}; exec "$@"', "sh", shop.program, *command]
    program = shop.start(words, limit=20, alone=True).wait()
    if program.status not in ORDERLY:
        kept = keep(shop, name, place, parser, command, program)
        how = program.brief().split(", `")[0]
        shop.problem(f"{name}: {how}, `dga {' '.join(command)[:300]}` with {kept}: {program.said()}")
    shutil.rmtree(f"{shop.path}/{place}", ignore_errors=True)
    return program.status


def keep(shop, name, place, parser, command, program):
    """Copies an input that failed to where it can be looked at later."""
    target = f"{shop.keep}/{name.replace(' ', '-')}-{place[6:]}"
    os.makedirs(target, exist_ok=True)
    if parser.path:
        shutil.copy(f"{shop.path}/{place}/{parser.path}", target)
    with open(f"{target}/outcome.txt", "w") as file:
        file.write(f"dga {' '.join(command)}\n{program.status}\n{program.error}")
    return f"{os.path.basename(shop.keep)}/{os.path.basename(target)}"


def mutate(content, parser, chance):
    """One to four changes; of safetensors files only the header is changed, and its length is made to fit."""
    if content[:8] and parser.path.endswith(".safetensors"):
        length = int.from_bytes(content[:8], "little")
        header = content[8:8 + length]
        for _ in range(chance.randint(1, 2)):
            header = change_text(header, chance)
        size = len(header) if chance.random() < 0.9 else chance.choice((0, 1, 1 << 40, (1 << 64) - 1, length))
        return size.to_bytes(8, "little") + header + content[8 + length:]
    for _ in range(chance.randint(1, 4)):
        content = (change_text if parser.text and chance.random() < 0.7 else change_bytes)(content, chance)
    return content


def change_text(content, chance):
    """Another number, a word twice or gone, a line moved, or something strange in between."""
    kind = chance.randrange(5)
    if kind <= 1 and (found := list(re.finditer(rb"-?\d+(\.\d+)?(e-?\d+)?", content))):
        match = chance.choice(found)
        return content[:match.start()] + chance.choice(NUMBERS).encode() + content[match.end():]
    if kind == 2 and (found := list(re.finditer(rb"[A-Za-z_]+", content))):
        match = chance.choice(found)
        other = chance.choice([b"", match[0] * 2, match[0][:-1], b"null"])
        return content[:match.start()] + other + content[match.end():]
    if kind == 3:
        lines = content.splitlines(True) or [b""]
        line = lines.pop(chance.randrange(len(lines)))
        for _ in range(chance.randrange(3)):
            lines.insert(chance.randrange(len(lines) + 1), line)
        return b"".join(lines)
    at = chance.randrange(len(content) + 1)
    return content[:at] + chance.choice(PIECES) + content[at:]


def change_bytes(content, chance):
    """A flipped bit, another byte, a cut, a piece twice or gone."""
    if not content:
        return chance.choice(PIECES)
    at, size = chance.randrange(len(content)), chance.choice((1, 2, 8, 100))
    # Formats keep what counts in their first bytes.
    at = at % 64 if chance.random() < 0.3 else at
    return chance.choice((
        lambda: content[:at] + bytes([content[at] ^ 1 << chance.randrange(8)]) + content[at + 1:],
        lambda: content[:at] + chance.randbytes(size) + content[at + size:],
        lambda: content[:at] + b"\xff" * size + content[at + size:],
        lambda: content[:at],
        lambda: content[:at] + content[at:at + size] + content[at:],
        lambda: content[:at] + content[at + size:]))()


def overrides(chance):
    """Keys of the configuration with values that they are not made for."""
    return [f"{chance.choice(KEYS)}={chance.choice(VALUES)}" for _ in range(chance.randint(1, 2))]


def seal(shop, directory, name):
    """Makes the checksums in a directory's manifest fit a changed file, so that its content is looked at."""
    digest = checksum_function()
    if not digest:
        return
    path = f"{directory}/manifest.json"
    manifest = shop.read(path)
    if name != "manifest.json":
        content = shop.read(f"{directory}/{name}")
        entry = f'"bytes" : {len(content)},\\g<1>"checksum" : "{digest(content)}"'
        manifest = re.sub(rb'(?<="%s" : {)(\s*)"bytes" : \d+,\s*"checksum" : "\w+"' % re.escape(name.encode()),
                          b"\\g<1>" + entry.encode(), manifest)
    # The manifest's own checksum is that of the text without its line.
    if line := re.match(rb'{\n(  "checksum" : "\w+",\n)', manifest):
        rest = b"{\n" + manifest[line.end():]
        manifest = b'{\n  "checksum" : "%s",\n' % digest(rest).encode() + rest[2:]
    shop.write(path, manifest)


def checksum_function():
    """The program's checksum by the library that it uses; nothing if that is not found."""
    library = ctypes.util.find_library("xxhash")
    if not library:
        return None

    class Hash(ctypes.Structure):
        _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]

    function = ctypes.CDLL(library).XXH3_128bits
    function.restype, function.argtypes = Hash, [ctypes.c_char_p, ctypes.c_size_t]

    def digest(content):
        found = function(content, len(content))
        return f"{found.high:016x}{found.low:016x}"

    return digest
