#!/usr/bin/env python3
"""Sends each line of a file as a record to a topic, with kafka-python.

    python examples/tutorial/producer.py examples/tutorial/input.txt

kafka-python takes bytes, so each line is encoded; and it sends in the background, so the program waits for the end of
that before it ends itself.
"""

import argparse

from kafka import KafkaProducer


def main():
    arguments = argparse.ArgumentParser(description="Sends each line of a file as a record.")
    arguments.add_argument("file")
    arguments.add_argument("--bootstrap-server", default="localhost:9092", metavar="HOST:PORT")
    arguments.add_argument("--topic", default="test")
    arguments = arguments.parse_args()

    producer = KafkaProducer(bootstrap_servers=[arguments.bootstrap_server])
    with open(arguments.file, encoding="utf-8") as lines:
        sent = [producer.send(arguments.topic, line.rstrip("\n").encode()) for line in lines]
    producer.flush()
    for record in sent:
        record.get()  # Raises what went wrong with this one.
    print(f"{len(sent)} records are in {arguments.topic}")
    producer.close()


if __name__ == "__main__":
    main()
