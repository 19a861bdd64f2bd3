"""A corpus of many domains made at random, written as the program would: what building and clustering would take long
for."""
import array, json, os, random, struct

BYTES = 257  # ids of the byte tokenizer, of which the last ends documents
TOKENS = 33  # of a document, its end included


def write(directory, domains, digest, tokenizer, branching):
    """Writes a corpus of byte tokens: a document of 33 tokens to train on for each domain, and one that is held out for
    every 64th; the domains are the leaves of a tree.

    `digest` is the checksum of bytes, `tokenizer` the record of a manifest of the same tokenizer.
    """
    os.makedirs(directory)
    chance = random.Random(1)
    block = [array.array("H", [*chance.choices(range(32, 127), k=TOKENS - 1), BYTES - 1]) for _ in range(1024)]
    files = {}

    def file(name, content):
        with open(f"{directory}/{name}", "wb") as output:
            output.write(content)
        files[name] = {"bytes": len(content), "checksum": digest(content)}

    def part(name, documents):
        file(f"{name}.bin", b"".join(block[chance.randrange(1024)].tobytes() for _ in range(documents)))
        index = b"MMIDIDX\0\0" + struct.pack("<QBQQ", 1, 8, documents, documents + 1)
        index += array.array("i", [TOKENS]).tobytes() * documents
        index += array.array("q", range(0, 2 * TOKENS * documents, 2 * TOKENS)).tobytes()
        file(f"{name}.idx", index + array.array("q", range(documents + 1)).tobytes())

    held = [(domain + 63) // 64 for domain in range(1, domains + 1)]
    for name, documents in (("train", domains), ("validation", held[-1]), ("steering", 64), ("evaluation", 64)):
        part(name, documents)
    levels, parents = tree(domains, branching)
    names = [path(domain, levels, branching) for domain in range(domains)]
    ends, total = [], 0
    for word in names:
        total += len(word) + 1
        ends.append(total)
    trained = range(1, domains + 1)
    columns = [ends, trained, [n * TOKENS for n in trained], [n * (TOKENS - 1) for n in trained],
               held, [n * TOKENS for n in held], [n * (TOKENS - 1) for n in held]]
    file("domains.txt", "".join(word + "\n" for word in names).encode())
    file("domains.table", b"".join(array.array("q", column).tobytes() for column in columns))
    file("tree.table", array.array("i", parents).tobytes())
    extent = {"firstDocument": 0, "documents": 64, "tokens": 64 * TOKENS, "bytes": 64 * (TOKENS - 1)}
    manifest = {
        "domains": domains, "files": files, "findings": [], "format": "dga corpus",
        "removed": {"binary": 0, "duplicates": 0, "empty": 0, "repaired": 0, "targetDocuments": 0}, "seed": 1,
        "targets": [{"name": "target", "steering": extent, "evaluation": extent}], "tokenizer": tokenizer,
        "tree": levels, "version": 2}
    text = json.dumps(manifest, indent=2, separators=(",", " : "), sort_keys=True) + "\n"
    text = '{\n  "checksum" : "%s",\n' % digest(text.encode()) + text[2:]
    with open(f"{directory}/manifest.json", "w") as output:
        output.write(text)


def tree(domains, branching):
    """Nodes of each level from the top down, and the parents of all levels but the first."""
    levels = [domains]
    while levels[0] > branching:
        levels.insert(0, (levels[0] + branching - 1) // branching)
    return levels, [node // branching for nodes in levels[1:] for node in range(nodes)]


def path(domain, levels, branching):
    """The path of a domain in the tree."""
    steps = []
    for _ in levels:
        steps.insert(0, f"{domain % branching:02}")
        domain //= branching
    return "c" + ".".join(steps)
