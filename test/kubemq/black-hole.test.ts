import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { http2Carrier } from "millrace/carrier/http2";
import { commands, events, eventsStore, KubeMq, queries, queues } from "millrace/kubemq";
import type { Carrier } from "millrace/carrier";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const body = new Uint8Array(1);
const message = { body };

async function firstOf(items: AsyncIterable<unknown>): Promise<unknown> {
  for await (const item of items) return item;
  return undefined;
}

/** How each method that waits for an answer ends when none comes. */
const calls: Record<string, (client: KubeMq, timeoutMs: number) => Promise<unknown>> = {
  ping: (k, timeoutMs) => k.ping({ timeoutMs }),
  "events.publish": (k, timeoutMs) => events(k).publish("c", message, { timeoutMs }),
  "events.publishAll": (k, timeoutMs) => firstOf(events(k).publishAll("c", [message], { timeoutMs })),
  "eventsStore.publish": (k, timeoutMs) => eventsStore(k).publish("c", message, { timeoutMs }),
  "eventsStore.publishAll": (k, timeoutMs) => firstOf(eventsStore(k).publishAll("c", [message], { timeoutMs })),
  "queues.send": (k, timeoutMs) => queues(k).send("c", message, { timeoutMs }),
  "queues.sendBatch": (k, timeoutMs) => queues(k).sendBatch([{ channel: "c", body }], { timeoutMs }),
  "queues.pull": (k, timeoutMs) => queues(k).pull("c", { timeoutMs }),
  "queues.peek": (k, timeoutMs) => queues(k).peek("c", { timeoutMs }),
  "queues.ackAll": (k, timeoutMs) => queues(k).ackAll("c", { timeoutMs }),
  "queues.info": (k, timeoutMs) => queues(k).info(undefined, { timeoutMs }),
};

/** Those that the server's own wait is a part of: they end soon after it, and all of them with their client. */
const waiting: Record<string, (client: KubeMq) => Promise<unknown>> = {
  "commands.send": (k) => commands(k).send("c", message),
  "queries.send": (k) => queries(k).send("c", message),
  "commands.serve": (k) => commands(k).serve("c", () => {}).done,
  "events.subscribe": (k) => firstOf(events(k).subscribe("c")),
  "eventsStore.subscribe": (k) => firstOf(eventsStore(k).subscribe("c")),
  "queues.receive": (k) => firstOf(queues(k).receive("c")),
  "queues.transaction": (k) => queues(k).transaction("c"),
};

describe("against a broker that accepts and never answers", () => {
  let server: Server;
  let carrier: Carrier;
  const sockets = new Set<Socket>();
  beforeAll(async () => {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    carrier = http2Carrier({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, connectTimeoutMs: 60_000 });
  });
  afterAll(async () => {
    await carrier.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  it.each(Object.entries(calls))("%s ends within `timeoutMs`", async (_, call) => {
    const client = new KubeMq({ carrier, retry: false, connectTimeoutMs: 60_000 });
    const begun = performance.now();
    await expect(call(client, 150)).rejects.toMatchObject({ code: "timeout" });
    expect(performance.now() - begun).toBeLessThan(1_500);
    await client.close();
  });

  it.each(Object.entries(waiting))("%s ends with its client", async (_, call) => {
    const client = new KubeMq({ carrier, connectTimeoutMs: 60_000 });
    const ended = call(client).catch((error: unknown) => error);
    const begun = performance.now();
    await client.close();
    expect(await ended).toMatchObject({ code: "unavailable" });
    expect(performance.now() - begun).toBeLessThan(500);
  });

  it("a command ends 2 000 ms after its broker should have", async () => {
    const client = new KubeMq({ carrier, connectTimeoutMs: 60_000 });
    const begun = performance.now();
    await expect(commands(client).send("c", { body, timeoutMs: 100 })).rejects.toMatchObject({ code: "timeout", applied: "unknown" });
    expect(performance.now() - begun).toBeGreaterThan(2_000);
    expect(performance.now() - begun).toBeLessThan(3_500);
    await client.close();
  });
});
