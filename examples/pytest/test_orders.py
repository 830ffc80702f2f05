"""A program's own tests against a real broker:  YAK_BROKER=target/quick/yak-broker pytest examples/pytest"""

from kafka import KafkaConsumer, KafkaProducer


def send(bootstrap_server, *orders):
    producer = KafkaProducer(bootstrap_servers=[bootstrap_server])
    for customer, what in orders:
        producer.send("orders", key=customer.encode(), value=what.encode())
    producer.close()


def read(bootstrap_server, count):
    consumer = KafkaConsumer(
        "orders", bootstrap_servers=[bootstrap_server], auto_offset_reset="earliest", consumer_timeout_ms=10_000
    )
    records = [record for _, record in zip(range(count), consumer)]
    consumer.close()
    return [(record.key.decode(), record.value.decode()) for record in records]


def test_orders_come_in_order(bootstrap_server):
    orders = [("alice", "coffee"), ("carol", "tea"), ("alice", "cake")]
    send(bootstrap_server, *orders)
    assert read(bootstrap_server, 3) == orders


def test_each_test_has_a_broker_of_its_own(bootstrap_server):
    send(bootstrap_server, ("bob", "juice"))
    assert read(bootstrap_server, 1) == [("bob", "juice")]
