"""Members of groups, for the clients written in Python: what they tell, and a thread for each that needs one."""

import threading
import traceback

from common import say


class Telling:
    """What a member tells; it knows what it holds."""

    def __init__(self, member):
        self.member = member
        self.holds = set()

    def tell(self, **what):
        say({"member": self.member, **what})

    def assigned(self, places):
        self.hold(self.holds | {tuple(place) for place in places})

    def revoked(self, places):
        self.hold(self.holds - {tuple(place) for place in places})

    def hold(self, places):
        self.holds = places
        self.tell(holds=sorted(places))

    def read(self, topic, partition, offset, value):
        self.tell(read=value.decode(), topic=topic, partition=partition, offset=offset)

    def failed(self, error):
        traceback.print_exc()
        self.tell(failed="%s: %s" % (type(error).__name__, error))


class Member(Telling, threading.Thread):
    """A member in a thread. Whoever knows a client says in `work` how it joins, polls and commits until `leaving` is set."""

    def __init__(self, member):
        Telling.__init__(self, member)
        threading.Thread.__init__(self, daemon=True)
        self.leaving = threading.Event()

    def run(self):
        try:
            self.work()
        except Exception as error:
            self.failed(error)

    def leave(self):
        self.leaving.set()
        self.join()


class Members:
    """The members of one program, by name."""

    def __init__(self):
        self.members = {}

    def start(self, member):
        self.members[member.member] = member
        member.start()

    def leave(self, member):
        self.members.pop(member).leave()
