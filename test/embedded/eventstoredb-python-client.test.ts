import { listenEmbedded } from "millrace-server/embedded/node";
import { describe, expect, it } from "vitest";
import { jsonOf, startPython } from "../support/python.js";

/** A tour of the client: what it wrote, read, followed, and was refused. */
const TOUR = `
import json, sys, time
from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient import exceptions
client = KurrentDBClient(uri="kurrentdb://" + sys.argv[1] + "?tls=false")
said = {}
def event(n): return NewEvent(type="Counted", data=json.dumps({"n": n}).encode())
def ns(events): return [json.loads(event.data)["n"] for event in events]
def refused(act):
    try: act()
    except Exception as error: return type(error).__name__
client.append_to_stream("order-1", current_version=StreamState.NO_STREAM, events=[event(0), event(1), event(2)])
said["read"] = ns(client.get_stream("order-1"))
said["backwards"] = ns(client.get_stream("order-1", backwards=True, limit=2))
said["wrong version"] = refused(lambda: client.append_to_stream("order-1", current_version=7, events=[event(9)]))
said["missing"] = refused(lambda: client.get_stream("order-2"))
with client.subscribe_to_stream("order-1") as subscription:
    said["subscribe"] = ns([next(subscription) for _ in range(3)])
with client.subscribe_to_all(filter_include=["Counted"]) as subscription:
    said["all"] = ns([next(subscription) for _ in range(3)])
client.create_subscription_to_stream("group", "order-1")
with client.read_subscription_to_stream("group", "order-1") as subscription:
    given = []
    for one in subscription:
        given.append(one)
        subscription.ack(one)
        if len(given) == 3: break
    said["persistent"] = ns(given)
said["group"] = client.get_subscription_info("group", "order-1").group_name
client.set_stream_metadata("order-1", metadata={"$maxCount": 1, "shop": "north"})
said["metadata"] = client.get_stream_metadata("order-1")[0]
said["after metadata"] = ns(client.get_stream("order-1"))
client.delete_stream("order-1", current_version=StreamState.ANY)
said["deleted"] = refused(lambda: client.get_stream("order-1"))
client.append_to_stream("order-3", current_version=StreamState.ANY, events=[event(0)])
client.tombstone_stream("order-3", current_version=StreamState.ANY)
said["tombstoned"] = refused(lambda: client.get_stream("order-3"))
client.close()
print(json.dumps(said))
`;

describe("the official Python client on the embedded EventStoreDB", () => {
  it("appends, reads, follows, settles, sets metadata and deletes", async () => {
    const server = await listenEmbedded({ systems: ["eventstoredb"] });
    try {
      expect(await jsonOf(startPython("kurrentdbclient", TOUR, [server.address]))).toEqual({
        read: [0, 1, 2],
        backwards: [2, 1],
        "wrong version": "WrongCurrentVersionError",
        missing: "NotFoundError",
        subscribe: [0, 1, 2],
        all: [0, 1, 2],
        persistent: [0, 1, 2],
        group: "group",
        metadata: { $maxCount: 1, shop: "north" },
        "after metadata": [2],
        deleted: "NotFoundError",
        tombstoned: "StreamIsDeletedError",
      });
    } finally {
      await server.close();
    }
  }, 30_000);
});
