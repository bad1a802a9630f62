"""What happens to the server while it is played on. Each fault returns its name; afterwards the server runs again, or recovers."""

import re
import signal

import power_cut
import processes
from waiting import GaveUp, wait_for

# Of extension/pg/pause_points.hpp: a kill at each of these hits a tick at exactly that step.
PAUSE_POINTS = ["tick_built", "tick_written", "tick_committed", "flush", "tick_published", "checkpoint_written",
                "checkpoints_removed", "world_recovered"]
PAUSE_LIMIT_S = 3  # a point is not reached when somebody else was faster; then the fault comes where things are


class Faults:
    def __init__(self, server, gateway, generator):
        self._server = server
        self._gateway = gateway
        self._random = generator
        self._kinds = [
            (4, self._kill_of("gamelan world worker")),
            (2, self._kill_of("gamelan checkpointer")),
            (2, self._kill_of("gamelan flusher")),
            (1, self._kill_of("gamelan launcher")),
            (1, self._kill_of("walwriter")),
            (1, self._kill_of("checkpointer")),
            (3, self._kill_backend),
            (4, self._kill_postmaster),
            (2, self._kill_gateway),
            (2, self._immediate),
            (2, self._fast),
            (2, self._end_worker),
            (4, self._cut),
            (8, self._at_pause_point),
        ]

    def one(self):
        weights, kinds = zip(*self._kinds)
        return self._random.choices(kinds, weights)[0]()

    def _kill_of(self, kind):
        def fault():
            pids = wait_for(f"there is a {kind}", lambda: self._server.processes(kind))
            processes.kill(pids[:1])
            return f"{kind} killed"
        return fault

    def _kill_backend(self):
        sessions = self._server.sessions()
        if not sessions:
            return self._kill_postmaster()
        processes.kill([self._random.choice(sessions)])
        return "backend killed"

    def _kill_postmaster(self):
        self._server.kill_postmaster()
        self._server.start()
        return "postmaster killed"

    def _kill_gateway(self):
        self._gateway.kill()
        self._gateway.start()
        return "gateway killed"

    def _immediate(self):
        self._server.stop("immediate")
        self._server.start()
        return "immediate shutdown"

    def _fast(self):
        self._server.stop("fast")
        self._server.start()
        return "fast shutdown"

    def _end_worker(self):
        kind = self._random.choice(["gamelan world worker", "gamelan flusher", "gamelan checkpointer"])
        for pid in self._server.processes(kind):
            processes.send(pid, self._random.choice([signal.SIGTERM, signal.SIGINT]))
        return f"{kind} ended"

    def _cut(self):
        power_cut.cut(self._server, self._random)
        self._server.start()
        return "power cut"

    def _at_pause_point(self):
        point = self._random.choice(PAUSE_POINTS)
        since = self._server.log_position()
        self._server.configure(f"gamelan.pause_at = '{point}'")
        if point == "world_recovered":  # one has to be, first
            how = self._random.choice([signal.SIGKILL, signal.SIGTERM])
            for pid in self._server.processes("gamelan world worker"):
                processes.send(pid, how)
        try:
            found = wait_for(f"somebody pauses at {point}", lambda: re.search(
                rf'\[(\d+)\].*pausing at "{point}"', self._server.log_since(since)), PAUSE_LIMIT_S)
        except GaveUp:
            found = None
        # Whoever comes up again reads this, and does not pause.
        if found and self._random.random() < 0.4:
            processes.kill([int(found[1])])
            self._server.configure("")
            return f"killed at {point}"
        what = self._random.choice([self._kill_postmaster, self._cut, self._immediate])
        self._hold_configuration()
        return f"{what()} at {point}" if found else what()

    def _hold_configuration(self):
        """For the next start only: nobody who pauses now gets to know."""
        with open(f"{self._server.data}/torture.conf", "w"):
            pass
