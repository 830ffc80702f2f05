"""What the lab's producer and its consumers agree on: topics, and what is in which partition."""

import argparse

from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError

# Each topic has two partitions. One topic has a species in each, the other has the third species in both.
TOPICS = ["virginicasetosa", "versicolor"]
SPECIES = {
    ("virginicasetosa", 0): "virginica",
    ("virginicasetosa", 1): "setosa",
    ("versicolor", 0): "versicolor",
    ("versicolor", 1): "versicolor",
}
COLUMNS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


def parser(description):
    """What both programs understand."""
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--bootstrap-server", default="localhost:9092", metavar="HOST:PORT")
    return arguments


def create_topics(bootstrap_server):
    """Creates those that are missing; whichever program is started first does it."""
    admin = KafkaAdminClient(bootstrap_servers=[bootstrap_server])
    for topic in TOPICS:
        try:
            admin.create_topics([NewTopic(topic, num_partitions=2, replication_factor=1)])
        except TopicAlreadyExistsError:
            pass
    admin.close()
