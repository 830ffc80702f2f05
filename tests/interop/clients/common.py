"""What the clients written in Python share: JSON lines in, JSON lines out."""

import base64
import json
import sys
import threading
import traceback

SAYING = threading.Lock()


class Lacks(Exception):
    """This client has nothing for what was asked."""


def encode(data):
    return None if data is None else base64.b64encode(bytes(data)).decode()


def decode(text):
    return None if text is None else base64.b64decode(text)


def headers_of(record):
    return [(name, decode(value)) for name, value in record.get("headers", [])]


def record_line(offset, timestamp, key, value, headers):
    return {
        "offset": offset,
        "timestamp": timestamp,
        "key": encode(key),
        "value": encode(value),
        "headers": [[name, encode(content)] for name, content in headers or []],
    }


def say(line):
    with SAYING:
        print(json.dumps(line), flush=True)


def serve(client):
    """Calls the method named like each request's op with its other fields; in the end `close`, if there is one."""
    for line in sys.stdin:
        request = json.loads(line)
        op = request.pop("op")
        try:
            method = getattr(client, op, None)
            if method is None:
                raise Lacks("has nothing for it")
            say({"ok": method(**request) or {}})
        except Lacks as lack:
            say({"lacks": str(lack)})
        except Exception as error:
            traceback.print_exc()
            say({"error": "%s: %s" % (type(error).__name__, error)})
    if hasattr(client, "close"):
        client.close()
