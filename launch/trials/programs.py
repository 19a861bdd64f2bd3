"""Programs that are started and watched, alone or under mpirun."""
import os, signal, subprocess, tempfile, time
from trials.trial import Failed

# More ranks than cores give way to each other only when told to, and some containers forbid ranks to read each other's
# memory, about which Open MPI complains with every message.
MPIRUN = ["mpirun", "--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1",
          "--mca", "btl_vader_single_copy_mechanism", "none"]


class Program:
    """A program in a session of its own, whose output goes to files."""

    def __init__(self, command, path, *, limit=120, output=None, error=None, environment=None, alone=False):
        self.command, self.limit, self.path, self.alone = command, limit, path, alone
        self.files = [open(output, "wb") if output else temporary(), open(error, "wb") if error else temporary()]
        variables = {**os.environ, "TMPDIR": f"{path}/tmp", "OMPI_ALLOW_RUN_AS_ROOT": "1",
                     "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", **(environment or {})}
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.files[0], stderr=self.files[1],
                                        start_new_session=True, env=variables, cwd=path)
        self.pid = self.process.pid

    def runs(self):
        return self.process.poll() is None

    def age(self):
        return time.monotonic() - self.started

    def send(self, number, pid=None):
        """Sends a signal to the program, or to one of its ranks; it may be over by now."""
        try:
            os.kill(pid or self.pid, number)
        except ProcessLookupError:
            pass

    def ranks(self):
        """The processes of ranks that mpirun has started, by rank."""
        found = {}
        for pid in children(self.pid):
            rank = environment_of(pid).get(b"OMPI_COMM_WORLD_RANK")
            if rank is not None:
                found[int(rank)] = pid
        return found

    def until(self, happens, what, pause=0.002):
        """Waits for something that the program does; false if the program ends before."""
        while not happens():
            if not self.runs():
                return bool(happens())
            if self.age() > self.limit:
                self.end()
                raise Failed(f"no sign of {what} within {self.limit} s: {self.said()}")
            time.sleep(pause)
        return True

    def wait(self):
        """Waits for its end; a program that lasts too long is ended and has the status 124."""
        try:
            self.process.wait(max(1, self.limit - self.age()))
            status = self.process.returncode
            self.status = 128 - status if status < 0 else status
        except subprocess.TimeoutExpired:
            self.survivors = ", ".join(map(name_of, processes(self.path)))
            self.end()
            self.status = 124
        self.seconds = self.age()
        self.output, self.error = (self.read(file) for file in self.files)
        return self

    def end(self):
        """Kills it, and unless it is alone whatever was started in its workshop."""
        if self.alone:
            os.killpg(self.pid, signal.SIGKILL)
        else:
            end_all(self.path)
        self.process.wait()

    def read(self, file):
        if not file.readable():
            return ""
        file.seek(0)
        return file.read().decode(errors="replace")

    def said(self):
        """The end of what it said on standard error."""
        lines = [line for line in self.read(self.files[1]).splitlines() if line.strip()]
        errors = [line for line in lines if line.lower().startswith(("error", "warning", "fatal"))]
        return " / ".join((errors or lines)[-3:])[:600]

    def expect(self, *statuses):
        """Fails the trial if it ended with another exit code."""
        if self.status not in statuses:
            raise Failed(f"{self.brief()}; expected {' or '.join(map(str, statuses))}")
        return self

    def brief(self):
        how = f"exit code {self.status}"
        if self.status == 124:
            how = f"still there after {self.limit} s ({self.survivors})"
        return f"{how}, `{' '.join(self.command).replace(' '.join(MPIRUN), 'mpirun ...')}`: {self.said()}"


def temporary():
    """A file that other writers move along in, too, and that is gone with the trial."""
    return tempfile.TemporaryFile()


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except OSError:
        return []


def environment_of(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return dict(pair.split(b"=", 1) for pair in file.read().split(b"\0") if b"=" in pair)
    except OSError:
        return {}


def name_of(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            name, state = file.read().rsplit(")", 1)
    except OSError:
        return "-"
    return f"{name.split('(', 1)[1]} {state.split()[0]}"


def processes(path):
    """The processes that were started in a workshop, wherever they belong now."""
    mark = f"{path}/".encode()
    return [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and int(pid) != os.getpid()
            and environment_of(pid).get(b"TMPDIR", b"").startswith(mark)]


def end_all(path):
    """Kills the processes of a workshop."""
    for pid in processes(path):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    until = time.monotonic() + 5
    while processes(path) and time.monotonic() < until:
        time.sleep(0.01)


def segments(pid):
    """The named shared memory of a process outside a workshop, by path."""
    try:
        with open(f"/proc/{pid}/maps") as file:
            paths = {line.split(None, 5)[5].strip() for line in file if "/dev/shm/" in line}
    except OSError:
        return set()
    return {path for path in paths if os.path.dirname(path) == "/dev/shm"}
