"""Waiting with a limit: nothing in this folder waits for ever, and nothing judges how long something takes."""

import time

LIMIT_S = 90


class GaveUp(Exception):
    """Something that has to come did not come."""


def wait_for(what, attempt, limit_s=LIMIT_S, pause_s=0.05):
    """Calls `attempt` until it returns something true, and returns that. `what` is for the message of GaveUp."""
    end = time.monotonic() + limit_s
    while True:
        result = attempt()
        if result:
            return result
        if time.monotonic() > end:
            raise GaveUp(f"waited {limit_s} s in vain until {what}")
        time.sleep(pause_s)
