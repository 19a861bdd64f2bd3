"""A Slurm of one node, this one, with its configuration, state and sockets in the workshop."""
import os, re, shutil, signal, socket, subprocess, time
from trials.programs import environment_of, processes
from trials.stopping import slow
from trials.trial import Failed, Skipped, trial

RANKS = 2
SETTINGS = ["duration=150steps", "checkpoint.every=10steps", "mixture.every=15steps", "evaluation.every=25steps"]
# The run has to outlast time limits.
SLOW = slow(range(20, 100))

CONFIGURATION = """ClusterName=trial
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={path}/munge.socket,cred_expire=5
StateSaveLocation={path}/state
SlurmdSpoolDir={path}/spool
SlurmctldPidFile={path}/slurmctld.pid
SlurmdPidFile={path}/slurmd.pid
SlurmctldLogFile={path}/slurmctld.log
SlurmdLogFile={path}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SchedulerParameters=sched_interval=2,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores}
PartitionName=trial Nodes=ALL Default=YES
"""


@trial("slurm", "launch/slurm.sbatch under a Slurm of one node, {count} times: USR1 by Slurm before the time limit, a "
       "killed rank, USR1 and TERM to the script, `scancel`",
       "goes on by itself after the first three, ends after the others, and submitted again has the same bits at last",
       full=3, quick=1, minutes=15)
def slurm(shop, count):
    whole, starts, told = shop.finish("whole", *SETTINGS, ranks=RANKS), 0, []
    with Cluster(shop) as cluster:
        for number in range(count):
            job = Job(shop, cluster, f"run-{number}")
            for fault in shop.random.sample([limit, stop, kill], 3):
                told.append(job.meets(fault, "requeued"))
            for end in (terminate, cancel):
                told.append(job.meets(end, "over"))
                starts += job.starts
                job = Job(shop, cluster, f"run-{number}")
            job.until(lambda: job.state() in Job.OVER, "the end", 240)
            starts += job.starts
            if job.state() != "COMPLETED":
                shop.problem(f"the last job: {job.state()}: {job.said()}")
            else:
                shop.compare(shop.record(job.run), whole, job.run)
    shop.nobody_left(5)
    left = [name for name in os.listdir(f"{cluster.path}/sources") if name not in (".build", "launch")]
    if left:
        shop.problem(f"left where the script was submitted: {', '.join(left)}")
    return f"{count} complete after {starts} starts; {'; '.join(told[:5])}"


class Cluster:
    """The daemons, for as long as the trial lasts."""

    DAEMONS = ("munged", "slurmctld", "slurmd")

    def __init__(self, shop):
        self.shop, self.path, self.running = shop, f"{shop.path}/slurm", []
        self.variables = {"SLURM_CONF": f"{self.path}/slurm.conf"}

    def __enter__(self):
        if os.geteuid() or not all(map(shutil.which, self.DAEMONS)):
            raise Skipped("a Slurm needs root and slurm-wlm")
        if os.cpu_count() < RANKS:
            raise Skipped(f"{RANKS} tasks need as many cores")
        for name in ("state", "spool"):
            os.makedirs(f"{self.path}/{name}")
        self.shop.write("slurm/key", os.urandom(128))
        os.chmod(f"{self.path}/key", 0o600)
        self.shop.write("slurm/slurm.conf", CONFIGURATION.format(
            host=socket.gethostname().split(".")[0], path=self.path, cores=os.cpu_count(), ports=free_ports(2)))
        # What the script looks for where it was submitted.
        os.makedirs(f"{self.path}/sources/.build/release")
        os.symlink(f"{self.shop.root}/launch", f"{self.path}/sources/launch")
        os.symlink(self.shop.program, f"{self.path}/sources/.build/release/dga")
        files = {"key-file": "key", "socket": "munge.socket", "pid-file": "munge.pid", "seed-file": "munge.seed"}
        self.start("munged", "--foreground", "--force",
                   *(f"--{option}={self.path}/{name}" for option, name in files.items()))
        self.until(lambda: os.path.exists(f"{self.path}/munge.socket"), "munged")
        self.start("slurmctld", "-D")
        self.start("slurmd", "-D")
        self.until(lambda: "idle" in self.run("sinfo", "--noheader", "-o", "%T"), "an idle node")
        return self

    def __exit__(self, *_):
        for program in reversed(self.running):
            program.send(signal.SIGTERM)
            try:
                program.process.wait(10)
            except subprocess.TimeoutExpired:
                program.end()

    def start(self, *command):
        self.running.append(self.shop.start(list(command), environment=self.variables, alone=True))

    def until(self, happens, what):
        until = time.monotonic() + 30
        while not happens():
            if time.monotonic() > until:
                raise Failed(f"no sign of {what} within 30 s: {self.running[-1].said()}")
            time.sleep(0.1)

    def run(self, *command):
        """What a command of Slurm prints."""
        variables = {**os.environ, **self.variables, "TMPDIR": f"{self.shop.path}/tmp",
                     "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        return subprocess.run(command, env=variables, cwd=f"{self.path}/sources", text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for entry in sockets:
        entry.bind(("127.0.0.1", 0))
    ports = [entry.getsockname()[1] for entry in sockets]
    for entry in sockets:
        entry.close()
    return ports


class Job:
    """A job that was submitted, through all its starts."""

    OVER = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL")

    def __init__(self, shop, cluster, run):
        self.shop, self.cluster, self.run, self.starts = shop, cluster, run, 0
        # Three minutes, and Slurm's signal from ten seconds after the start on; Slurm looks every half minute.
        answer = cluster.run(
            "sbatch", "--parsable", "--nodes=1", f"--ntasks-per-node={RANKS}", "--time=3", "--signal=B:USR1@170",
            f"--output={cluster.path}/%j.log", "launch/slurm.sbatch", f"{shop.path}/run.yaml",
            f"run={shop.path}/{run}", *SETTINGS, SLOW)
        if not answer.strip().isdigit():
            raise Failed(f"sbatch: {answer}")
        self.number = answer.strip()

    def facts(self):
        return dict(re.findall(r"(\w+)=(\S+)", self.cluster.run("scontrol", "show", "job", "-o", self.number)))

    def state(self):
        facts = self.facts()
        self.starts = int(facts.get("Restarts", 0)) + 1
        return facts.get("JobState", "UNKNOWN")

    def said(self):
        """The end of the script's log."""
        name = f"slurm/{self.number}.log"
        lines = self.shop.read(name).decode(errors="replace").splitlines() if self.shop.exists(name) else []
        return " / ".join(lines[-4:])

    def until(self, happens, what, seconds):
        until = time.monotonic() + seconds
        while not happens():
            if time.monotonic() > until:
                raise Failed(f"job {self.number}, {self.state()}: no sign of {what} within {seconds} s: {self.said()}")
            time.sleep(0.2)

    def ranks(self):
        """The processes of ranks."""
        return [pid for pid in processes(self.shop.path) if b"OMPI_COMM_WORLD_RANK" in environment_of(pid)]

    def meets(self, fault, expected):
        """Waits for steps, injects a fault, waits for what follows, and says it."""
        self.until(lambda: self.state() == "RUNNING" and len(self.ranks()) == RANKS, "ranks", 60)
        starts, steps = self.starts, self.shop.steps(self.run)
        self.until(lambda: self.shop.steps(self.run) != steps, "a step", 30)
        time.sleep(self.shop.random.uniform(0, 2))
        fault(self)
        moment, before = time.monotonic(), self.shop.checkpoints(self.run)
        self.until(lambda: self.state() in Job.OVER or self.starts > starts, "an end", 90)
        seconds, found = time.monotonic() - moment, "requeued" if self.starts > starts else "over"
        if found != expected:
            self.shop.problem(f"{fault.__name__}: {found}, {self.state()}, {self.said()}")
        newest = self.shop.checkpoints(self.run)[-1:]
        if newest < before[-1:] or not all(self.shop.whole(self.run, name) for name in newest):
            self.shop.problem(f"{fault.__name__}: the newest checkpoint was {before[-1:]} and is {newest}")
        lost = self.shop.steps(self.run) - int(newest[0][5:]) if newest else self.shop.steps(self.run)
        return f"{fault.__name__}: {found} after {seconds:.0f} s, {lost} steps lost"


def limit(job):
    """Slurm itself sends USR1 before the time limit."""


def stop(job):
    job.cluster.run("scancel", "--batch", "--signal=USR1", job.number)


def kill(job):
    os.kill(job.shop.random.choice(job.ranks()), signal.SIGKILL)


def terminate(job):
    job.cluster.run("scancel", "--batch", "--signal=TERM", job.number)


def cancel(job):
    job.cluster.run("scancel", job.number)
