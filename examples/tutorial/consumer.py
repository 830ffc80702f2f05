#!/usr/bin/env python3
"""Prints the records of a topic as they come, with kafka-python and without a group, until Ctrl-C.

    python examples/tutorial/consumer.py

`--auto-offset-reset earliest` prints everything again at each run, `latest` only what is sent from now on: without a
group nobody remembers how far this program has read.
"""

import argparse
import sys

from kafka import KafkaConsumer


def main():
    arguments = argparse.ArgumentParser(description="Prints the records of a topic as they come.")
    arguments.add_argument("--bootstrap-server", default="localhost:9092", metavar="HOST:PORT")
    arguments.add_argument("--topic", default="test")
    arguments.add_argument("--auto-offset-reset", default="earliest", choices=["earliest", "latest"])
    arguments = arguments.parse_args()

    consumer = KafkaConsumer(
        bootstrap_servers=[arguments.bootstrap_server], auto_offset_reset=arguments.auto_offset_reset
    )
    consumer.subscribe([arguments.topic])
    for record in consumer:
        print(record, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
