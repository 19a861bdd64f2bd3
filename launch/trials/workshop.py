"""A small corpus and runs on it, and what two runs are compared by."""
import json, os, random, shutil, tempfile, time
from trials.programs import MPIRUN, Program, end_all, processes
from trials.trial import Failed

# The language of each domain: its alphabet and the seed of its words. The target has that of `twin`.
LANGUAGES = {"twin": ("abcdefgh", 1), "upper": ("ABCDEFGH", 2), "digits": ("0123456789", 3), "greek": ("αβγδεζηθ", 4)}

RECIPE = """tokenizer: {kind: bytes}
validation: {share: 0.1}
domains:
  twin: {paths: texts/twin}
  upper: {paths: texts/upper}
  digits: {paths: texts/digits}
  greek: {paths: texts/greek}
targets:
  target: {paths: texts/target, steering: 6documents, evaluation: 10documents}
"""

RUN = """run: PATH/run
corpus: PATH/corpus
target: target
model: {layers: 2, heads: 2, width: 32, context: 32}
batch: {sequences: 16, micro: 2}
duration: 200steps
optimizer: {learning_rate: 2e-3, warmup: 10steps}
mixture: {method: dga, every: 15steps, eta: 0.5, smoothing: {new_weight: 0.3}}
evaluation: {every: 25steps, sequences: 16}
checkpoint: {every: 10steps}
"""

# What no two runs have in common: times, and where records end in a file that holds times.
TIMES = {"seconds", "tokens_per_second", "flops_share", "overhead_share", "times", "metricsOffset"}


class Workshop:
    """A temporary directory with texts, a corpus of them and a configuration; gone at its end, with all processes."""

    def __init__(self, program, name, seed, quick):
        self.program, self.quick, self.problems = program, quick, []
        self.random = random.Random(f"{seed}/{name}")
        memory = os.access("/dev/shm", os.W_OK) and shutil.disk_usage("/dev/shm").free > 4e9
        self.path = tempfile.mkdtemp(prefix="stress-", dir="/dev/shm" if memory else None)

    def __enter__(self):
        os.mkdir(f"{self.path}/tmp")
        for place, name in enumerate([*LANGUAGES, "target"]):
            os.makedirs(f"{self.path}/texts/{name}")
            write = writer(*LANGUAGES.get(name, LANGUAGES["twin"]), 100 + place)
            for document in range(16):
                self.write(f"texts/{name}/{document}.txt", write())
        self.write("recipe.yaml", RECIPE)
        self.write("run.yaml", RUN.replace("PATH", self.path))
        self.dga("corpus", "build", "recipe.yaml", "-o", "corpus").expect(0)
        return self

    def __exit__(self, *_):
        end_all(self.path)
        shutil.rmtree(self.path, ignore_errors=True)

    def problem(self, text):
        self.problems.append(text.replace(self.path, "PATH").replace("\n", " / "))

    # Files

    def write(self, name, content):
        os.makedirs(os.path.dirname(f"{self.path}/{name}"), exist_ok=True)
        with open(f"{self.path}/{name}", "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)

    def read(self, name):
        with open(f"{self.path}/{name}", "rb") as file:
            return file.read()

    def exists(self, name):
        return os.path.exists(f"{self.path}/{name}")

    def listing(self, name=""):
        """Every file with its size, and every directory, but for what programs keep while they run."""
        found = []
        for place, directories, files in os.walk(f"{self.path}/{name}"):
            directories[:] = [entry for entry in directories if f"{place}/{entry}" != f"{self.path}//tmp"]
            found += [(f"{place}/{entry}", os.lstat(f"{place}/{entry}").st_size) for entry in files]
            found += [(f"{place}/{entry}", None) for entry in directories]
        return sorted(found)

    def copy(self, source, target):
        shutil.rmtree(f"{self.path}/{target}", ignore_errors=True)
        shutil.copytree(f"{self.path}/{source}", f"{self.path}/{target}", symlinks=True)

    # Programs

    def start(self, command, **options):
        return Program(command, self.path, **options)

    def command(self, *words, ranks=0):
        """The command of `dga`, alone or on ranks."""
        return ([*MPIRUN, "-np", str(ranks)] if ranks else []) + [self.program, *words]

    def dga(self, *words, **options):
        return self.start(self.command(*words), **options).wait()

    def train(self, run, *overrides, ranks=0, **options):
        """Starts a run; flags may stand among overrides."""
        words = ["train", f"{self.path}/run.yaml", "--json", f"run={self.path}/{run}", *overrides]
        return self.start(self.command(*words, ranks=ranks), **options)

    def finish(self, run, *overrides, ranks=0, **options):
        """A run that has to succeed, and what it is compared by."""
        self.train(run, *overrides, ranks=ranks, **options).wait().expect(0)
        return self.record(run)

    def nobody_left(self, seconds):
        """Notes a problem if processes of this workshop are there after some seconds, and ends them."""
        until = time.monotonic() + seconds
        while processes(self.path) and time.monotonic() < until:
            time.sleep(0.05)
        left = processes(self.path)
        if left:
            self.problem(f"{len(left)} processes are still running {seconds} s after the end")
            end_all(self.path)

    # Runs

    def checkpoints(self, run):
        """The committed checkpoints of a run, oldest first."""
        place = f"{self.path}/{run}/checkpoints"
        names = os.listdir(place) if os.path.isdir(place) else []
        return sorted(name for name in names if name.startswith("step-") and name[5:].isdigit())

    def partial(self, run):
        place = f"{self.path}/{run}/checkpoints"
        return [name for name in (os.listdir(place) if os.path.isdir(place) else []) if name.endswith(".partial")]

    def whole(self, run, name):
        """Whether the files of a checkpoint are those that its manifest lists."""
        place = f"{self.path}/{run}/checkpoints/{name}"
        try:
            with open(f"{place}/manifest.json") as file:
                listed = json.load(file)["files"]
            return all(os.path.getsize(f"{place}/{entry}") == size["bytes"] for entry, size in listed.items())
        except (OSError, ValueError, KeyError):
            return False

    def steps(self, run):
        """The steps that a run has recorded so far."""
        try:
            lines = self.read(f"{run}/metrics.jsonl").splitlines()
        except OSError:
            return 0
        return sum(b'"kind":"step"' in line for line in lines)

    def metrics(self, run):
        """The records of a run without times and without what a resumed run says of its settings."""
        return [timeless(record) for record in self.metrics_with_times(run) if record.get("name") != "settings"]

    def metrics_with_times(self, run):
        return [json.loads(line) for line in self.read(f"{run}/metrics.jsonl").splitlines()]

    def record(self, run):
        """Everything of a complete run that must not depend on how it came about, by name."""
        last = self.checkpoints(run)[-1]
        found = {"metrics.jsonl": self.metrics(run), "mixture.json": self.read(f"{run}/mixture.json")}
        for name in sorted(os.listdir(f"{self.path}/{run}/checkpoints/{last}")):
            content = self.read(f"{run}/checkpoints/{last}/{name}")
            if name == "state.json":
                content = timeless(json.loads(content))
                found["hashes"] = content["batchesHash"]
            if name != "manifest.json":  # it holds the checksum of a file with times
                found[f"{last}/{name}"] = content
        return found

    def compare(self, found, expected, what):
        """Notes a problem for every difference; true if there is none."""
        names = [name for name in {**found, **expected} if found.get(name) != expected.get(name)]
        if names:
            detail = ", ".join(f"{name}{place(found.get(name), expected.get(name))}" for name in names)
            self.problem(f"{what}: differs in {detail}")
        return not names


def place(found, expected):
    """Where two lists of records begin to differ."""
    if not isinstance(found, list) or not isinstance(expected, list):
        return ""
    pairs = enumerate(zip(found, expected), 1)
    line = next((line for line, (one, other) in pairs if one != other), min(len(found), len(expected)) + 1)
    return f" (from record {line} of {len(found)}, {len(expected)} expected)"


def timeless(record):
    """A record without the keys that hold times, and without the size of micro-batches in which it was made."""
    return {key: value for key, value in record.items() if key not in TIMES}


def writer(alphabet, vocabulary_seed, seed):
    """A function that writes documents in an invented language, some of whose words are much more frequent."""
    inventor, chance = random.Random(vocabulary_seed), random.Random(seed)
    words = ["".join(inventor.choices(alphabet, k=inventor.randint(2, 8))) for _ in range(200)]

    def line():
        chosen = [words[min(chance.randrange(200) for _ in range(3))] for _ in range(chance.randint(5, 12))]
        return " ".join(chosen) + "."

    return lambda: "\n".join(line() for _ in range(30)) + "\n"
