"""UmaDB's own client, reading everything directly: python umadb_client.py URL; one line of JSON in, one out."""
import json
import sys
import time

import umadb


def folded(sum, values):
    """The same arithmetic as the checksum of the other contestants: 32 bits, signed."""
    for value in values:
        sum = (sum * 31 + value) & 0xFFFFFFFF
    return sum


def signed(sum):
    return sum - (1 << 32) if sum >= 1 << 31 else sum


def checksum(client):
    events = positions = data = text = 0
    for sequenced in client.read():
        events += 1
        positions += sequenced.position
        event = sequenced.event
        data = folded(folded(data, [len(event.data)]), event.data)
        for string in (event.event_type, *event.tags, str(event.uuid)):
            text = folded(folded(text, [len(string)]), map(ord, string))
    return f"{events} events, numbers {positions}, bytes {signed(data)}, text {signed(text)}"


def touch(client):
    """Does less than the others do in a timed round, in favour of the slower language."""
    events = 0
    for sequenced in client.read():
        events += 1
        event = sequenced.event
        sequenced.position, event.data, event.event_type, event.tags, event.uuid
    return events


client = umadb.Client(sys.argv[1])
print(json.dumps("ready"), flush=True)
for line in sys.stdin:
    started = time.perf_counter()
    full = json.loads(line)["full"]
    summed = checksum(client) if full else touch(client)
    answer = {"ms": (time.perf_counter() - started) * 1000}
    print(json.dumps({**answer, "checksum": summed} if full else answer), flush=True)
