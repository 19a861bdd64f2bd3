"""Files that have changed behind the program's back: checkpoints and corpora."""
import json, os, re
from trials import mutations, random_corpus
from trials.trial import trial

SHORT = ["duration=20steps", "evaluation=null", "mixture.every=15steps"]


@trial("corruption", "{count} truncations, flipped bits, emptied and deleted files of checkpoints and corpora",
       "each is found by `train --resume --dry-run` and `evaluate` (of corpora, by what reads it), the file named; an "
       "older whole checkpoint is taken instead", full=1200, quick=120, minutes=40)
def corruption(shop, count):
    shop.finish("run", *SHORT)
    sources, digest = {"single": "corpus", "run": "corpus"}, mutations.checksum_function()
    if digest:
        # Of many domains a state has its long columns in files of their own.
        tokenizer = json.loads(shop.read("corpus/manifest.json"))["tokenizer"]
        random_corpus.write(f"{shop.path}/many-corpus", 4096, digest, tokenizer, branching=64)
        shop.finish("many", *SHORT, "corpus=many-corpus")
        sources["many"] = "many-corpus"
    shop.copy("run", "single")
    oldest = shop.checkpoints("single")[0]
    os.rename(f"{shop.path}/single/checkpoints/{oldest}", f"{shop.path}/older")
    tally = {"found": 0, "fallbacks": 0}
    for number in range(count):
        if number % 4 == 3:
            corpus(shop, tally)
        else:
            source = list(sources)[number % len(sources)]
            checkpoint(shop, tally, source, sources[source])
    return f"{tally['found']} of {count} found and named, {tally['fallbacks']} fallbacks"


def spoil(shop, path):
    """Damages a file in one of four ways; says how."""
    path = f"{shop.path}/{path}"
    with open(path, "rb") as file:
        content = bytearray(file.read())
    kind = shop.random.choice(("cut", "flip", "flip", "flip", "empty", "delete"))
    if kind == "delete":
        os.unlink(path)
        return "deleted"
    how = "emptied"
    if kind == "flip":
        place, bit = shop.random.randrange(len(content)), shop.random.randrange(8)
        content[place] ^= 1 << bit
        how = f"bit {bit} of byte {place} flipped"
    else:
        size = 0 if kind == "empty" else shop.random.randrange(len(content))
        del content[size:]
        how = f"cut to {size} bytes"
    with open(path, "wb") as file:
        file.write(content)
    return how


def checkpoint(shop, tally, source, corpus):
    """Damages the newest checkpoint of a run and lets both programs read it."""
    shop.copy(source, "trial")
    newest = shop.checkpoints("trial")[-1]
    name = shop.random.choice(sorted(os.listdir(f"{shop.path}/trial/checkpoints/{newest}")))
    how = spoil(shop, f"trial/checkpoints/{newest}/{name}")
    train = shop.train("trial", *SHORT, f"corpus={corpus}", "--resume", "--dry-run").wait()
    good = judge(shop, train, source, newest, name, how)
    evaluate = shop.dga("evaluate", f"{shop.path}/trial", "--corpus", corpus, "--sequences", "1")
    good &= judge(shop, evaluate, source, newest, name, how)
    tally["found"] += good
    tally["fallbacks"] += train.status == 0 and good


def judge(shop, program, source, newest, name, how):
    """With an older checkpoint the program goes on, without one it ends with 65 or 66; it always names the file."""
    said = program.output + program.error
    expected = (65, 66) if source == "single" else (0,)
    if program.status in expected and f"{newest}/{name}" in said or name == "manifest.json" and newest in said:
        return True
    what = "alone" if source == "single" else "with an older one"
    shop.problem(f"{name} {how}, {what}: {program.brief()}")
    return False


def corpus(shop, tally):
    """Damages a file of a corpus; training checks what it reads, and `inspect --verify` everything."""
    shop.copy("corpus", "damaged")
    name = shop.random.choice(sorted(os.listdir(f"{shop.path}/damaged")))
    how = spoil(shop, f"damaged/{name}")
    verify = shop.dga("corpus", "inspect", f"{shop.path}/damaged", "--verify")
    good = names(verify, name)
    # A flipped bit among tokens is only found by reading all of them.
    if not (name.endswith(".bin") and "bit" in how):
        train = shop.train("new", "corpus=damaged", "--dry-run").wait()
        good = good and names(train, name)
        verify = verify if good else train
    if not good:
        shop.problem(f"corpus/{name} {how}: {verify.brief()}")
    tally["found"] += bool(good)


def names(program, name):
    """Whether a program ended because of a file in the damaged corpus, and named it."""
    return program.status in (65, 66) and re.search(rf"damaged\b.*\b{re.escape(name)}", program.error)


@trial("data", "token ids beyond the vocabulary, corpus files cut or missing at the start or in mid-run, missing texts",
       "65, 66 or 74 with the file named, the checkpoint kept; mended, the run goes on to the same bits",
       full=5, quick=1, minutes=10)
def data(shop, count):
    whole, cases = shop.finish("whole"), 0
    for number in range(count):
        cases += beyond(shop, number, whole) + shrinks(shop, number, whole)
    for name in sorted(os.listdir(f"{shop.path}/corpus")):
        for change in ("cut", "missing"):
            shop.copy("corpus", "damaged")
            path = f"{shop.path}/damaged/{name}"
            if change == "cut":
                os.truncate(path, os.path.getsize(path) // 2)
            else:
                os.unlink(path)
            program = shop.train("new", "corpus=damaged", ranks=2).wait()
            named = "damaged" in program.error and name in program.error
            if program.status not in (65, 66) or not named or shop.exists("new"):
                shop.problem(f"corpus/{name} {change} at the start: {program.brief()}")
            cases += 1
    os.rename(f"{shop.path}/texts/twin", f"{shop.path}/texts/gone")
    program = shop.dga("corpus", "build", "recipe.yaml", "-o", "other")
    if program.status != 66 or "texts/twin" not in program.error or shop.exists("other"):
        shop.problem(f"a missing text: {program.brief()}")
    return f"{cases + 1} cases"


def beyond(shop, number, whole):
    """A token id that no vocabulary has is found when it is read, with file and offset."""
    shop.copy("corpus", "damaged")
    tokens = bytearray(shop.read("corpus/train.bin"))
    place = 2 * shop.random.randrange(len(tokens) // 2)
    tokens[place + 1] = 9
    shop.write("damaged/train.bin", tokens)
    run = f"beyond-{number}"
    program = shop.train(run, "corpus=damaged", "duration=600steps", "mixture.method=uniform", ranks=2).wait()
    kept = shop.checkpoints(run)
    if program.status != 65 or "damaged/train.bin" not in program.error or str(place) not in program.error or not all(
            shop.whole(run, name) for name in kept):
        shop.problem(f"a token id of 9 * 256 or more at offset {place}: {program.brief()}")
    return 1


def shrinks(shop, number, whole):
    """Training text that is cut while it is mapped."""
    shop.copy("corpus", "damaged")
    run, path = f"shrinks-{number}", f"{shop.path}/damaged/train.bin"
    program = shop.train(run, "corpus=damaged", "faults=[{kind: delay, step: 31, phase: read, seconds: 1}]", ranks=2)
    program.until(lambda: shop.steps(run) >= 30, "step 30")
    os.truncate(path, shop.random.randrange(0, 8192))
    program.wait()
    kept = shop.checkpoints(run)
    named = program.status in (65, 74) and "damaged/train.bin" in program.error
    if not named or not kept or not shop.whole(run, kept[-1]):
        shop.problem(f"train.bin cut in mid-run: {program.brief()}, checkpoints {kept}")
        if not kept:
            return 1
    shop.copy("corpus", "damaged")
    shop.compare(shop.finish(run, "corpus=damaged", "--resume", ranks=2), whole, "gone on after train.bin was mended")
    return 1
