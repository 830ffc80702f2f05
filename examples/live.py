#!/usr/bin/env python3
"""Computes over two topics as their records come: which pages are read most, which logins are not normal.

    yak-consumer --topic page-views --topic logins --json | python3 examples/live.py

It reads what `yak-consumer --json` prints, one object a line, and needs nothing but Python. A login is not normal

- when the account had FAILURES failed ones in a row within WINDOW_MS, or
- when it succeeds from another country than the account's last one, less than WINDOW_MS ago.

An account is reported once for each of the two. Logins of one account come in order if they share a partition: send
them with the account as their key, or to a topic of one partition. Time is the records' own, so an old stream gives what it gave live.
"""

import json
import sys
from collections import Counter, defaultdict, deque

WINDOW_MS = 60_000
FAILURES = 5
# After so many page views their ranking is printed.
EVERY = 100
TOP = 3


class Logins:
    """What is remembered of each account: its latest failures in a row, and where it last came from."""

    def __init__(self):
        self.seen = 0
        self.failed = defaultdict(lambda: deque(maxlen=FAILURES))
        self.last = {}
        self.reported = set()

    def take(self, time_ms, login):
        """Returns what is not normal about this login, or None."""
        self.seen += 1
        user, country = login["user"], login["country"]
        if not login["ok"]:
            failed = self.failed[user]
            failed.append(time_ms)
            span = failed[-1] - failed[0]
            if len(failed) == FAILURES and span < WINDOW_MS:
                return self.report("guessing", user, f"{FAILURES} failed logins in a row within {span / 1000:.1f} s")
            return None
        self.failed[user].clear()
        before, self.last[user] = self.last.get(user), (time_ms, country)
        if before and before[1] != country and time_ms - before[0] < WINDOW_MS:
            return self.report("travel", user, f"from {before[1]} and {country} within {WINDOW_MS // 1000} s")
        return None

    def report(self, kind, user, what):
        """The line for a person, the first time."""
        if (kind, user) in self.reported:
            return None
        self.reported.add((kind, user))
        return f"abnormal login: {user}: {what}"


def ranking(pages):
    """The pages read most; equals in the order of their names."""
    first = sorted(pages.items(), key=lambda page: (-page[1], page[0]))[:TOP]
    return f"top pages of {sum(pages.values())} views: " + ", ".join(f"{page} {count}" for page, count in first)


def main():
    pages, views, logins = Counter(), 0, Logins()
    for line in sys.stdin:
        record = json.loads(line)
        try:
            value = json.loads(record["value"])
            if record["topic"] == "page-views":
                pages[value["page"]] += 1
                views += 1
                if views % EVERY == 0:
                    print(ranking(pages), flush=True)
            elif record["topic"] == "logins":
                found = logins.take(record["timestamp"], value)
                if found:
                    print(found, flush=True)
        except (KeyError, TypeError, ValueError) as error:
            place = f"{record.get('topic')}-{record.get('partition')}@{record.get('offset')}"
            print(f"skipped {place}: not an event of this topic ({error!r})", file=sys.stderr, flush=True)
    if views % EVERY:
        print(ranking(pages))
    print(f"{views} page views, {logins.seen} logins, {len(logins.reported)} abnormal")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
