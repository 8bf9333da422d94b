import { listenEmbedded, type ListeningEmbedded } from "millrace-server/embedded/node";
import { UmaDb } from "millrace/umadb";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { event, plain } from "../spec/umadb/backend.js";
import { jsonOf, startPython, type PythonClient } from "../support/python.js";

let server: ListeningEmbedded;
let db: UmaDb;
beforeEach(async () => {
  server = await listenEmbedded();
  db = new UmaDb({ carrier: server.carrier });
});
afterEach(() => server.close());

/** Runs each example of the package's own README that needs nothing but a server, as it stands there but for the address. */
const README = `
import re, sys
from importlib.metadata import metadata
text = metadata("umadb").get_payload() or metadata("umadb")["Description"]
names = []
for section in re.split(r"^## +", text, flags=re.M):
    title = section.split("\\n", 1)[0].strip()
    for block in re.findall(r"\`\`\`python\\n(.*?)\`\`\`", section, re.S):
        if "from umadb import" not in block or "ca_path" in block: continue
        print("example:", title)
        exec(compile(block.replace("http://localhost:50051", sys.argv[1]), title, "exec"), {})
        names.append(title)
import json
print(json.dumps(names))
`;

/** Names of the classes of what each case raises. */
const ERRORS = `
import json, sys, umadb
from umadb import AppendCondition, Client, Event, Query, QueryItem, TrackingInfo
client = Client(sys.argv[1])
keyed = Client(sys.argv[2])
def event(tag="t", data=b"x"): return Event(event_type="x", tags=[tag], data=data)
boundary = Query(items=[QueryItem(types=["x"], tags=["t"])])
client.append([event()], tracking_info=TrackingInfo("s", 5))
def raised(act):
    try: act()
    except Exception as error: return [type(error).__name__, str(error)]
    return None
print(json.dumps({
    "condition": raised(lambda: client.append([event()], condition=AppendCondition(fail_if_events_match=boundary))),
    "tracking": raised(lambda: client.append([event()], tracking_info=TrackingInfo("s", 5))),
    "long tag": raised(lambda: client.append([event("t" * 5000)])),
    "long source": raised(lambda: client.append([event()], tracking_info=TrackingInfo("s" * 256, 1))),
    "above 4 MiB": raised(lambda: client.append([event(data=b"x" * 4194304)])),
    "no key": raised(lambda: keyed.head()),
    "no key, stream": raised(lambda: list(keyed.read())),
    "after all": raised(lambda: client.head()),
}))
`;

const WRITES = `
import sys
from concurrent.futures import ThreadPoolExecutor
from umadb import Client, Event
client = Client(sys.argv[1])
def append(n): return client.append([Event(event_type="n", tags=[f"n:{n}"], data=str(n).encode())])
with ThreadPoolExecutor(16) as pool: positions = sorted(pool.map(append, range(2000)))
import json
print(json.dumps([positions == list(range(1, 2001)), client.head(), sum(1 for _ in client.read()), [e.position for e in client.read(backwards=True, limit=2)]]))
`;

const FOLLOWS = `
import json, sys
from umadb import Client
seen = []
client = Client(sys.argv[1])
for item in client.subscribe():
    seen.append(item.position)
    print("seen", item.position, flush=True)
print(json.dumps(seen))
`;

describe.each<PythonClient>(["0.7.8", "0.4.0"])("UmaDB's own Python client %s on an embedded server", (client) => {
  it("runs the examples of its README as they stand", async () => {
    const { code, stdout, stderr } = await startPython(client, README, [server.url]).ended;
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toEqual([
      "Appending Events", "Reading Events", "Subscriptions", "Complete Example", "Example with Tracking",
    ]);
    expect(stdout.match(/Conflicting event was rejected: integrity error/g)).toHaveLength(3);
    expect(stdout).toContain("Projection has processed new event!");
    expect(await db.trackingInfo("upstream")).toBe(1n);
    expect(plain(await db.read().toArray()).map(({ position, event }) => [position, event.type])).toEqual([[1n, "example"], [2n, "example"], [3n, "example"]]);
  }, 30_000);

  it("raises its own exception classes", async () => {
    const keyed = await listenEmbedded({ apiKey: "sekret" });
    const raised = await jsonOf(startPython(client, ERRORS, [server.url, keyed.url]));
    await keyed.close();
    const text = (part: string): string => expect.stringContaining(part) as string;
    expect(raised).toEqual({
      "condition": ["IntegrityError", text("integrity error: condition failed: ")],
      "tracking": ["IntegrityError", text("non-increasing tracking position for source 's': 5 <= 5")],
      "long tag": ["ValueError", "invalid argument: event too large for page size"],
      "long source": ["ValueError", text("tracking source too long (256 > 255)")],
      "above 4 MiB": ["Exception", text("4194304 bytes")],
      "no key": ["AuthenticationError", "authentication error: missing or invalid API key"],
      "no key, stream": ["AuthenticationError", "authentication error: missing or invalid API key"],
      "after all": null,
    });
  }, 30_000);

  it("writes from many threads and reads everything back, in order", async () => {
    expect(await jsonOf(startPython(client, WRITES, [server.url]))).toEqual([true, 2_000, 2_000, [2_000, 1_999]]);
  }, 30_000);

  it("follows what our client appends, and ends without an error when the server closes", async () => {
    await db.append([event("a", [])]);
    const following = startPython(client, FOLLOWS, [server.url]);
    await following.said("seen 1");
    await db.append([event("b", [])]);
    await following.said("seen 2");
    await server.close();
    expect(await jsonOf(following)).toEqual([1, 2]);
  }, 30_000);
});
