#!/usr/bin/env python3
"""Reads Fisher's irises with three consumers that belong to no group, and plots them.

    python examples/iris/consumer.py

Consumer 1 subscribes to both topics and plots what it reads, consumer 2 prints the setosas of partition 1 as a table,
consumer 3 prints all that is in partition 0 from its start. A consumer ends when nothing has come for ten seconds. All
three are there from the beginning: two of them have nothing to do until the one before them has ended, for which
`--idle-s` sets a minimum.
"""

import json
import time

import matplotlib
from kafka import KafkaConsumer, TopicPartition

from lab import COLUMNS, SPECIES, TOPICS, create_topics, parser

matplotlib.use("Agg")  # Into a file, without a screen.
from matplotlib import pyplot  # noqa: E402

COLOURS = {"virginica": "red", "setosa": "blue", "versicolor": "green"}


def plot(irises, path):
    """Sepal length against sepal width, a colour for each species."""
    figure, axes = pyplot.subplots()
    for species, colour in COLOURS.items():
        points = [iris for of_species, iris in irises if of_species == species]
        axes.scatter(
            [iris["sepal_length"] for iris in points],
            [iris["sepal_width"] for iris in points],
            color=colour,
            label=f"{species} ({len(points)})",
        )
    axes.set(xlabel="sepal length (cm)", ylabel="sepal width (cm)", title="Fisher's irises")
    axes.legend()
    figure.savefig(path)


def everything(consumer, path):
    """Consumer 1: the species of a record is known by its partition."""
    irises = [(SPECIES[record.topic, record.partition], record.value) for record in consumer]
    partitions = ", ".join(f"{at.topic}-{at.partition}" for at in sorted(consumer.assignment()))
    print(f"consumer 1: {len(irises)} irises in {partitions}")
    if irises:
        plot(irises, path)
        print(f"consumer 1: plotted in {path}", flush=True)


def table(consumer):
    """Consumer 2."""
    print("consumer 2: setosa")
    print("offset " + " ".join(f"{column:>12}" for column in COLUMNS))
    for record in consumer:
        print(f"{record.offset:>6} " + " ".join(f"{record.value[column]:>12.1f}" for column in COLUMNS), flush=True)


def from_its_start(consumer):
    """Consumer 3."""
    print("consumer 3: virginica, from the start of the partition")
    for record in consumer:
        print(record.value, flush=True)


def main():
    arguments = parser("Reads Fisher's irises with three consumers and plots them.")
    arguments.add_argument("--timeout-ms", type=int, default=10_000, help="a consumer ends after such a silence")
    arguments.add_argument("--idle-s", type=float, default=0, help="consumers 2 and 3 begin no earlier than this")
    arguments.add_argument("--plot", default="iris.png", metavar="FILE", help="where the plot goes")
    arguments = arguments.parse_args()
    create_topics(arguments.bootstrap_server)

    def consumer(**more):
        return KafkaConsumer(
            bootstrap_servers=[arguments.bootstrap_server],
            consumer_timeout_ms=arguments.timeout_ms,
            value_deserializer=json.loads,
            **more,
        )

    first = consumer(auto_offset_reset="earliest")
    first.subscribe(TOPICS)
    second = consumer(auto_offset_reset="earliest")
    second.assign([TopicPartition("virginicasetosa", 1)])
    third = consumer()
    third.assign([TopicPartition("virginicasetosa", 0)])
    third.seek_to_beginning()
    made = time.monotonic()
    print("three consumers are waiting for irises", flush=True)

    everything(first, arguments.plot)
    time.sleep(max(0, made + arguments.idle_s - time.monotonic()))
    table(second)
    from_its_start(third)
    for done in (first, second, third):
        done.close()


if __name__ == "__main__":
    main()
