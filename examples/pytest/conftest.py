"""Gives each test that asks for `bootstrap_server` a broker of its own, on a free port, with nothing left behind."""

import json
import os
import subprocess

import pytest


@pytest.fixture
def bootstrap_server():
    program = os.environ.get("YAK_BROKER", "yak-broker")
    command = [program, "--standalone", "--ephemeral", "--port", "0", "--until-stdin-closes", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as broker:
        ready = broker.stdout.readline()
        yield json.loads(ready.removeprefix("YAK_READY "))["bootstrap"]
        broker.stdin.close()
