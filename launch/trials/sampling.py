"""How often domains and windows are drawn, how many domains there may be, and whether a long run stays as it is."""
import json, math, os, re, statistics, time
from trials import mutations, random_corpus
from trials.trial import Skipped, trial


@trial("draws", "{count} draws from four domains by each of three mixtures; two epochs of one domain, window by window",
       "chi-square p above 0.001; no window twice within an epoch", full=1_000_000, quick=100_000, minutes=15)
def draws(shop, count):
    chances = []
    for number in range(3):
        weights = dict(zip(("twin", "upper", "digits", "greek"), (shop.random.uniform(0.05, 1) for _ in range(4))))
        given = ", ".join(f"{name}: {weight:.4f}" for name, weight in weights.items())
        program = shop.train(f"draws-{number}", "mixture.method=fixed", f"mixture.weights={{{given}}}",
                             f"seed={number + 1}", "model={layers: 1, heads: 1, width: 8, context: 4}",
                             "batch={sequences: 500, micro: 50}",
                             f"duration={count // 500}steps", "evaluation.every=null", "evaluation.sequences=1",
                             "checkpoint.every=null", limit=600).wait().expect(0)
        read = json.loads(program.output)["domains_read"]
        drawn = {name: read[name] / 4 for name in weights}
        expected = {name: count * round(weight, 4) / sum(round(each, 4) for each in weights.values())
                    for name, weight in weights.items()}
        chances.append(chi_square(drawn, expected))
        if sum(drawn.values()) != count or chances[-1] < 0.001:
            shop.problem(f"weights {given}: drawn {drawn}, expected {expected}, p = {chances[-1]:.2g}")
    return "p = " + ", ".join(f"{chance:.2f}" for chance in chances) + "; " + windows(shop)


def chi_square(drawn, expected):
    """The chance of a larger chi-square with three degrees of freedom."""
    value = sum((drawn[name] - expected[name]) ** 2 / expected[name] for name in drawn)
    return math.erfc(math.sqrt(value / 2)) + math.sqrt(2 * value / math.pi) * math.exp(-value / 2)


def windows(shop):
    """With a learning rate of 0 and a sequence per step, the losses of steps tell windows apart."""
    settings = ["mixture.method=fixed", "mixture.weights={digits: 1}", "batch={sequences: 1, micro: 1}",
                "optimizer.learning_rate=0", "evaluation.every=null", "checkpoint.every=null"]
    resolved = shop.train("windows", *settings, "--dry-run").wait().expect(0).output
    count = int(re.search(r"digits: [\d.]+, (\d+),", resolved)[1]) // 32
    shop.train("windows", *settings, f"duration={2 * count}steps").wait().expect(0)
    losses = [record["loss"] for record in shop.metrics("windows") if record["kind"] == "step"]
    first, second = losses[:count], losses[count:]
    if len(set(first)) != count or sorted(first) != sorted(second):
        shop.problem(f"{count} windows: {len(set(first))} different losses in the first epoch, "
                     f"{len(set(second))} in the second, {len(set(first) & set(second))} in both")
    if first == second:
        shop.problem("both epochs have the same order")
    return f"{count} different windows in each of two epochs"


@trial("domains", "4 domains on 8 ranks; {count} domains in a tree on 2",
       "few: the bits of one rank; many: first step after less than 2 s, under 64 bytes per domain and rank, updates "
       "as fast as with 64 domains", full=262_144, quick=262_144, minutes=15)
def domains(shop, count):
    few = shop.finish("few", "mixture.every=20steps", ranks=8)
    shop.compare(few, shop.finish("alone", "mixture.every=20steps"), "8 ranks")
    small, large = (many(shop, number) for number in (64, count))
    extra = {rank: (large["memory"][rank] - small["memory"][rank]) / (count - 64) for rank in large["memory"]}
    if large["first"] > 2:
        shop.problem(f"the first step comes after {large['first']:.1f} s, not 2")
    for rank, size in sorted(extra.items()):
        if size > 64:
            shop.problem(f"{size:.0f} bytes of memory per domain on rank {rank}, not 64")
    if large["update"] > 2 * small["update"] + 0.05:
        shop.problem(f"the step after an update takes {large['update']:.2f} s, {small['update']:.3f} s with 64")
    sizes = ", ".join(f"{size:.0f} on rank {rank}" for rank, size in sorted(extra.items()))
    return (f"{count:,} domains: first step after {large['first']:.1f} s ({small['first']:.1f} s with 64), bytes per "
            f"domain: {sizes}; {large['update']:.2f} s for the step after an update ({small['update']:.3f}), "
            f"{large['record'] / 1e3:.1f} kB of metrics per update ({small['record'] / 1e3:.1f})")


def many(shop, count):
    """A run on a corpus of so many domains, each of one short document, on two ranks."""
    digest = mutations.checksum_function()
    if not digest:
        raise Skipped("there is no libxxhash to make a corpus with")
    corpus, run = f"{shop.path}/many-{count}", f"run-{count}"
    tokenizer = json.loads(shop.read("corpus/manifest.json"))["tokenizer"]
    random_corpus.write(corpus, count, digest, tokenizer, branching=64)
    settings = [
        f"corpus={corpus}", "model={layers: 1, heads: 1, width: 8, context: 32}", "batch={sequences: 64}",
        "duration=61steps", "mixture={method: dga, every: 10steps}", "evaluation={sequences: 1}",
        "checkpoint.every=null"]
    program, memory = shop.train(run, *settings, ranks=2, limit=300), {}
    program.until(lambda: shop.steps(run), "the first step")
    first = program.age()
    while program.runs():
        # Pages of files are the system's to keep.
        for rank, pid in program.ranks().items():
            memory[rank] = max(memory.get(rank, 0), resident(pid, "RssAnon"))
        time.sleep(0.02)
    program.wait().expect(0)
    records = shop.metrics_with_times(run)
    steps = {record["step"]: record["seconds"]["total"] for record in records if record["kind"] == "step"}
    update = statistics.median(steps[step] for step in range(11, 60, 10))
    record = sum(len(json.dumps(record)) for record in records
                 if record["step"] == 20 and record["kind"] in ("mixture", "domains"))
    return {"first": first, "memory": memory, "update": update, "record": record}


def resident(pid, key="VmRSS"):
    """Memory of a process in bytes: now, or at most (VmHWM)."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return next((1024 * int(line.split()[1]) for line in file if line.startswith(key)), 0)
    except OSError:
        return 0


@trial("steady", "{count} steps of DGA on 2 ranks with updates, evaluations and checkpoints",
       "memory grows by less than 2 MB after the first fifth, descriptors do not", full=5000, quick=1000, minutes=15)
def steady(shop, count):
    program = shop.train("run", f"duration={count}steps", ranks=2, limit=600)
    program.until(lambda: shop.steps("run") > count // 5, "the first fifth")
    ranks, first, last = program.ranks(), {}, {}
    while program.runs() and shop.steps("run") < 0.98 * count:
        for rank, pid in ranks.items():
            now = resident(pid), descriptors(pid)
            if now[0] and now[1]:
                first.setdefault(rank, now)
                last[rank] = now
        time.sleep(0.1)
    program.wait().expect(0)
    grown = {rank: (last[rank][0] - first[rank][0]) / 1e6 for rank in ranks}
    opened = {rank: last[rank][1] - first[rank][1] for rank in ranks}
    if max(grown.values()) > 2 or max(opened.values()) > 1:
        shop.problem(f"memory grows by {grown} MB, descriptors by {opened}")
    return (", ".join(f"{size:+.1f} MB" for size in grown.values()) + " and descriptors "
            + ", ".join(f"{number:+d}" for number in opened.values()) + " on the ranks")


def descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0
