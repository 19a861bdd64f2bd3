"""Two hosts, each a network namespace of its own, and a switch between them whose ports go down."""
import os, shutil, subprocess, time
from trials.programs import MPIRUN, name_of, processes
from trials.trial import Skipped, trial

SETTINGS = ["duration=400steps", "mixture.every=15steps", "evaluation=null", "checkpoint.every=20steps"]


@trial("network", "two hosts as network namespaces, the link between them down for 3 s, flapping and down for good, "
       "{count} times each; in full for 60 s, too",
       "short: the same bits; for good: the rank is named, nothing left running on either host, 76 or 137",
       full=3, quick=1, minutes=25)
def network(shop, count):
    with Hosts(shop) as hosts:
        whole = shop.finish("whole", *SETTINGS, ranks=2)
        hosts.train("linked").wait().expect(0)
        shop.compare(shop.record("linked"), whole, "two hosts and a link that works")
        told = []
        for number in range(count):
            told.append(interrupted(shop, hosts, f"short-{number}", [(3, 0)], whole))
            told.append(interrupted(shop, hosts, f"flapping-{number}", [(0.3, 0.3)] * 6, whole))
            told.append(severed(shop, hosts, f"good-{number}"))
        if not shop.quick:
            told.append(long_interruption(shop, hosts, whole))
        return "; ".join(told)


class Hosts:
    """Namespaces and links, for as long as the trial lasts.

    Mounts are a command for each host, which make its files differ from the other's."""

    def __init__(self, shop, mounts=("true", "true")):
        self.shop, self.mounts, self.mark = shop, mounts, f"st{os.getpid()}"
        self.spaces = [f"{self.mark}{name}" for name in "abs"]

    def __enter__(self):
        if os.geteuid() or not shutil.which("ip"):
            raise Skipped("network namespaces need root and iproute2")
        first, second, switch = self.spaces
        try:
            for space in self.spaces:
                self.ip("netns", "add", space)
                self.ip("-n", space, "link", "set", "lo", "up")
            self.ip("-n", switch, "link", "add", "bridge", "type", "bridge")
            self.ip("-n", switch, "link", "set", "bridge", "up")
            for number, space in enumerate((first, second), 1):
                self.ip("-n", switch, "link", "add", f"port{number}", "type", "veth",
                        "peer", "name", "net0", "netns", space)
                self.ip("-n", switch, "link", "set", f"port{number}", "master", "bridge", "up")
                self.ip("-n", space, "addr", "add", f"10.213.7.{number}/24", "dev", "net0")
                self.ip("-n", space, "link", "set", "net0", "up")
        except subprocess.CalledProcessError as error:
            self.__exit__()
            raise Skipped(f"this kernel refuses: {' '.join(error.cmd)}")
        # In the place of ssh: the last words are the host and the command. A host has a name and files of its own.
        self.shop.write("agent", f"""#!/bin/sh
while [ "${{1#10.}}" = "$1" ]; do shift; done
shift
TMPDIR={self.shop.path}/tmp/second; export TMPDIR
exec ip netns exec {second} unshare --uts --mount sh -c 'hostname second && {self.mounts[1]} && exec sh -c "$*"' sh "$@"
""")
        os.chmod(f"{self.shop.path}/agent", 0o755)
        os.makedirs(f"{self.shop.path}/tmp/second")
        return self

    def __exit__(self, *_):
        for space in self.spaces:
            subprocess.run(["ip", "netns", "del", space], stderr=subprocess.DEVNULL)

    def ip(self, *words):
        subprocess.run(["ip", *words], check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def link(self, state):
        """The second host's port of the switch."""
        self.ip("-n", self.spaces[2], "link", "set", "port2", state)

    def limit(self, port, rate):
        """Limits what the switch sends to a host."""
        subprocess.run(["tc", "-n", self.spaces[2], "qdisc", "add", "dev", port, "root", "tbf", "rate", rate,
                        "burst", "256kb", "limit", "1mb"], check=True, stderr=subprocess.DEVNULL)

    def train(self, run, *overrides, settings=SETTINGS, limit=150):
        """A run with a rank on each host."""
        path = self.shop.path
        words = [*MPIRUN, "-np", "2", "--host", "10.213.7.1:1,10.213.7.2:1", "--mca", "plm_rsh_agent", f"{path}/agent",
                 "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", "10.213.7.0/24",
                 "--mca", "oob_tcp_if_include", "10.213.7.0/24", self.shop.program, "train", f"{path}/run.yaml",
                 f"run={path}/{run}", "--json", *settings, *overrides]
        enter = ["ip", "netns", "exec", self.spaces[0], "unshare", "--mount", "sh", "-c",
                 f'{self.mounts[0]} && exec "$@"', "sh"]
        return self.shop.start([*enter, *words], limit=limit)


def interrupted(shop, hosts, run, breaks, whole, *overrides, limit=150):
    """A link that comes back: the run takes that long more and has the same bits."""
    program = hosts.train(run, *overrides, limit=limit)
    step = shop.random.randrange(20, 150)
    program.until(lambda: shop.steps(run) >= step, f"step {step}")
    for down, up in breaks:
        hosts.link("down")
        time.sleep(down)
        hosts.link("up")
        time.sleep(up)
    over = program.age()
    program.wait()
    what = f"link down for {breaks[0][0]} s, {len(breaks)} times"
    if program.status:
        shop.problem(f"{what}, from step {step}: {program.brief()}")
        hosts_are_empty(shop, what)
        return f"{what}: {program.status}"
    shop.compare(shop.record(run), whole, what)
    return f"{what}: same bits {program.seconds - over:.0f} s later"


def severed(shop, hosts, run):
    """A link that does not come back."""
    program = hosts.train(run, "watchdog.limit=5seconds", limit=90)
    step = shop.random.randrange(20, 150)
    program.until(lambda: shop.steps(run) >= step, f"step {step}")
    hosts.link("down")
    down = program.age()
    program.wait()
    what = f"link down for good from step {step}"
    # Every rank leaves with 76; mpirun, which would wait for the lost host, is killed after 20 s.
    if program.status not in (76, 137) or "rank " not in program.error:
        shop.problem(f"{what}: {program.brief()}")
    gone = hosts_are_empty(shop, what)
    hosts.link("up")
    time.sleep(1)
    return f"link down for good: {program.status} after {program.seconds - down:.0f} s, both hosts empty {gone}"


def hosts_are_empty(shop, what, seconds=20):
    """Nothing of the run may be there on either host after some seconds."""
    ended = time.monotonic()
    while processes(shop.path) and time.monotonic() < ended + seconds:
        time.sleep(0.1)
    left = processes(shop.path)
    if not left:
        return f"{time.monotonic() - ended:.0f} s later"
    shop.problem(f"{what}: {', '.join(map(name_of, left))} still running {seconds} s after the end")
    shop.nobody_left(0)
    return "never"


def long_interruption(shop, hosts, whole):
    """A minute is about the default limit: either outcome is told, neither is a fault."""
    before = len(shop.problems)
    told = interrupted(shop, hosts, "long", [(60, 0)], whole, limit=300)
    del shop.problems[before:]
    return told
