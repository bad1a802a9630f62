"""The Test Anything Protocol, as ./gamelan test and prove read it."""

_count = 0
_failed = 0


def ok(is_passed, text):
    global _count, _failed
    _count += 1
    _failed += 0 if is_passed else 1
    print(f"{'ok' if is_passed else 'not ok'} {_count} - {text}", flush=True)
    return is_passed


def note(text):
    for line in str(text).splitlines() or [""]:
        print(f"# {line}", flush=True)


def finish():
    """Prints the plan. True when all passed."""
    print(f"1..{_count}", flush=True)
    return _failed == 0 and _count > 0
