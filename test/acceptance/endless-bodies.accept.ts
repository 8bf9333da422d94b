// 1 200 unary calls whose bodies never end, from one client: other clients' calls go on.
import { request, Agent } from "node:http";
import { UmaDb } from "millrace/umadb";
import { startCountingProxy } from "../support/counting-proxy.js";
import { startUmaDb } from "../support/umadb.js";
import { startGateway } from "./support/gateway.js";
import { Report, spread } from "./support/report.js";
import { pause } from "./support/wait.js";

const report = new Report();
const umadb = await startUmaDb();
const proxy = await startCountingProxy({ target: umadb.url });
const gateway = await startGateway({ umadb: proxy.url });
const db = new UmaDb({ url: gateway.url, timeoutMs: 10_000 });
await db.append([{ type: "first", data: new Uint8Array(1) }]);
const upstreamBefore = proxy.counts().opened;

const agent = new Agent({ keepAlive: true, maxSockets: Infinity });
const statuses: Record<string, number> = {};
const endless = Array.from({ length: 1_200 }, (_, n) => {
  const path = n % 2 === 0 ? "/umadb.v1.DCB/Append" : "/umadb.v1.DCB/Head";
  const call = request(`${gateway.url}${path}`, { method: "POST", agent, headers: { "content-type": "application/grpc-web+proto" } });
  call.on("response", (response) => {
    statuses[`HTTP ${response.statusCode}`] = (statuses[`HTTP ${response.statusCode}`] ?? 0) + 1;
    response.resume();
  });
  call.on("error", () => (statuses["closed"] = (statuses["closed"] ?? 0) + 1));
  call.write(Buffer.from([0, 0, 0, 1, 0, 1, 2, 3]));
  return call;
});
await pause(1_500);
report.check("none of them is upstream", proxy.counts().opened === upstreamBefore, { upstream: proxy.counts().opened - upstreamBefore });

const times: number[] = [];
let failed = 0;
for (let n = 0; n < 200; n++) {
  const started = performance.now();
  await (n % 2 === 0 ? db.head() : db.append([{ type: "other", data: new Uint8Array(1) }])).catch(() => failed++);
  times.push(performance.now() - started);
}
report.check("another client's calls go on", failed === 0 && spread(times).p50 < 100, { failed, ...spread(times) });

await pause(32_000);
const ended = Object.values(statuses).reduce((sum, count) => sum + count, 0);
report.check("the gateway gave the endless ones up after 30 s", ended >= endless.length, statuses);
report.check("and still serves", (await db.head()) === 101n);
for (const call of endless) call.destroy();
agent.destroy();
await db.close();
await gateway.stop();
await proxy.close();
await umadb.close();
report.finish();
