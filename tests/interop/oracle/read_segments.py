"""Reads log segments with kafka-python's record reader and prints one JSON line a record.

usage: read_segments.py SEGMENT...

A batch whose checksum is wrong, bytes that are no batch and whatever the reader raises become a line
{"file": ..., "problem": ...}; the exit code is 0 in any case, the caller reads the lines. Bytes are base64.
"""

import base64
import json
import os
import sys

from kafka.record.memory_records import MemoryRecords


def text(value):
    return None if value is None else base64.b64encode(value).decode()


def records(data):
    """The records of a segment, each with its batch."""
    segment = MemoryRecords(data)
    position = 0
    while segment.has_next():
        batch = segment.next_batch()
        if not batch.validate_crc():
            raise ValueError(f"position {position}: the checksum is wrong")
        position += batch.size_in_bytes
        for index, record in enumerate(batch):
            yield batch, index, record
    if segment.valid_bytes() != len(data):
        raise ValueError(f"{len(data) - segment.valid_bytes()} bytes at the end are no batch")


def line(batch, index, record):
    return {
        "offset": record.offset,
        "timestamp": record.timestamp,
        "log_append_time": record.timestamp_type == 1,
        "key": text(record.key),
        "value": text(record.value),
        "headers": [[key, text(value)] for key, value in record.headers],
        "leader_epoch": batch.leader_epoch,
        "producer_id": batch.producer_id,
        "producer_epoch": batch.producer_epoch,
        "base_sequence": batch.base_sequence,
        "compression": batch.compression_type,
        "index_in_batch": index,
    }


def main(paths):
    for path in paths:
        name = os.path.basename(path)
        try:
            with open(path, "rb") as file:
                for batch, index, record in records(file.read()):
                    print(json.dumps({"file": name, **line(batch, index, record)}))
        except Exception as problem:  # the reader raises whatever its codecs raise
            print(json.dumps({"file": name, "problem": f"{type(problem).__name__}: {problem}"}))


if __name__ == "__main__":
    main(sys.argv[1:])
