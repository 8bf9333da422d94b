import { createServer, request as httpRequest, type IncomingMessage } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { json } from "millrace";
import { UmaDb } from "millrace/umadb";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { startGateway, type LocalGateway } from "../support/backends.js";
import { startUmaDb, type UmaDbServer } from "../support/umadb.js";

/** A load balancer that sends each request to the next of its gateways. */
interface Balancer {
  readonly url: string;
  /** Requests and upgrades that each gateway got. */
  readonly counts: { readonly requests: number; readonly upgrades: number }[];
  close(): Promise<void>;
}

async function balance(gateways: readonly string[]): Promise<Balancer> {
  const counts = gateways.map(() => ({ requests: 0, upgrades: 0 }));
  const sockets = new Set<Socket>();
  let turn = 0;
  const next = (kind: "requests" | "upgrades"): URL => {
    const at = turn++ % gateways.length;
    (counts[at] as { requests: number; upgrades: number })[kind] += 1;
    return new URL(gateways[at] as string);
  };
  const server = createServer((incoming, response) => {
    const { hostname, port } = next("requests");
    const forward = httpRequest({ hostname, port, method: incoming.method, path: incoming.url, headers: incoming.headers, agent: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    forward.on("error", () => response.destroy());
    response.on("close", () => forward.destroy());
    incoming.pipe(forward);
  });
  server.on("upgrade", (incoming: IncomingMessage, client: Socket) => {
    const { hostname, port } = next("upgrades");
    const upstream = connect(Number(port), hostname, () => {
      const lines = incoming.rawHeaders.map((text, n) => (n % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join("");
      upstream.write(`GET ${incoming.url ?? ""} HTTP/1.1\r\n${lines}\r\n`);
      upstream.pipe(client).pipe(upstream);
    });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        client.destroy();
        upstream.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    counts,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("two gateways behind a load balancer that takes turns", () => {
  let umadb: UmaDbServer;
  let gateways: LocalGateway[];
  let balancer: Balancer;

  beforeAll(async () => {
    umadb = await startUmaDb();
    gateways = [await startGateway(umadb), await startGateway(umadb)];
    balancer = await balance(gateways.map(({ url }) => url));
  });
  afterAll(async () => {
    await balancer?.close();
    for (const gateway of gateways ?? []) await gateway.close();
    await umadb?.close();
  });

  it("serve one client: its tunnel is with one of them, and its other calls are with both", async () => {
    const db = new UmaDb({ url: balancer.url, webSocket: WebSocket });
    const query = { items: [{ types: ["Turn"] }] };
    const subscriptions = Array.from({ length: 5 }, () => db.subscribe(query, { after: 0n }));
    const followed = Promise.all(subscriptions.map(async (subscription) => {
      const seen: bigint[] = [];
      for await (const { position } of subscription) if (seen.push(position) === 30) break;
      return seen;
    }));
    await Promise.all(subscriptions.map(({ opened }) => opened));
    const appended: bigint[] = [];
    let after: bigint | undefined;
    for (let n = 0; n < 30; n++) {
      after = await db.append([{ type: "Turn", tags: [], data: json(n) }], { condition: { failIfEventsMatch: query, after } });
      appended.push(after);
      expect((await db.read(query).toArray()).length).toBe(n + 1);
    }
    for (const seen of await followed) expect(seen).toEqual(appended);
    expect(balancer.counts.reduce((sum, { upgrades }) => sum + upgrades, 0)).toBe(1);
    for (const { requests } of balancer.counts) expect(requests).toBeGreaterThan(25);
    await db.close();
  });
});
