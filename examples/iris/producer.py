#!/usr/bin/env python3
"""Sends Fisher's irises, each species to its partitions, as JSON made of numpy's numbers.

    python examples/iris/producer.py

Start consumer.py first, or within the ten seconds that it waits.
"""

import json
from pathlib import Path

import numpy
from kafka import KafkaProducer

from lab import COLUMNS, SPECIES, create_topics, parser


class NumpyEncoder(json.JSONEncoder):
    """JSON knows no numbers of numpy's."""

    def default(self, value):
        return value.item() if isinstance(value, numpy.generic) else super().default(value)


def to_json(value):
    """The value of a record, as bytes."""
    return json.dumps(value, cls=NumpyEncoder).encode()


def main():
    arguments = parser("Sends Fisher's irises.").parse_args()
    create_topics(arguments.bootstrap_server)
    irises = numpy.genfromtxt(
        Path(__file__).with_name("iris.csv"), delimiter=",", names=True, dtype=None, encoding="utf-8"
    )
    producer = KafkaProducer(bootstrap_servers=[arguments.bootstrap_server], value_serializer=to_json)
    sent = []
    for (topic, partition), species in SPECIES.items():
        of_species = irises[irises["species"] == species]
        # Where a species has two partitions, they take turns.
        if topic == "versicolor":
            of_species = of_species[partition::2]
        for iris in of_species:
            value = {"species": species} | {column: iris[column] for column in COLUMNS}
            sent.append(producer.send(topic, value, partition=partition))
    producer.flush()
    for record in sent:
        record.get()  # Raises what went wrong with this one.
    print(f"{len(sent)} irises sent")
    producer.close()


if __name__ == "__main__":
    main()
