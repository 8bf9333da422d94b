// 100 000 requests of every shape at the door of Message DB: no SQL passes, and a canary in data, token and address shows nowhere.
import { MessageDb } from "millrace/messagedb";
import { createGateway } from "millrace-server/gateway";
import { startPostgres } from "../support/postgres.js";
import { Report } from "./support/report.js";

const REQUESTS = 100_000;
const AT_ONCE = 8;
const CANARY = "canary7f3a";
const seed = Number(process.env["MILLRACE_SEED"] ?? Math.trunc(Math.random() * 2 ** 31));

const report = new Report();
report.note("seed", { seed });
const postgres = await startPostgres();
await postgres.admin(`CREATE ROLE "${CANARY}" LOGIN PASSWORD '${CANARY}' IN ROLE message_store`);
const logged: string[] = [];
const note = (...words: unknown[]): void => void logged.push(JSON.stringify(words));
const gateway = createGateway({
  upstreams: { messagedb: { url: postgres.url({ user: `${CANARY}:${CANARY}` }), queries: { broken: `SELECT '${CANARY}' AS id` } } },
  allowAll: true, log: { info: note, warn: note },
});
const db = new MessageDb({ url: "http://127.0.0.1", fetch: (input, init) => gateway.fetch(new Request(input, init)) });
await db.write("secret-1", { type: "Kept", data: { secret: CANARY }, metadata: { secret: CANARY } });

let state = seed;
const random = (below: number): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};
const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T;
const OPERATIONS = [
  "read", "write", "last-message", "stream-version", "last-position", "stream-identifiers", "report", "message-store-version", "query",
  "get_stream_messages", "get_category_messages", "acquire_lock", "pg_sleep", "sql", "__proto__", "constructor", "", "read/", "READ",
];
const NAMES = ["name", "stream", "start", "limit", "member", "size", "correlation", "messages", "expected", "repeat", "query", "position", "category", "type", "condition", "sql", "s", "__proto__"];
const VALUES: readonly (() => unknown)[] = [
  () => "none-1", () => "none", () => "$all", () => "", () => "x'; DROP TABLE messages; /*", () => "true) OR (true", () => "\u0000", () => "0", () => "-1",
  () => "9223372036854775808", () => random(2_000), () => -1, () => 0.5, () => null, () => true, () => [], () => ({}), () => "broken", () => "x".repeat(random(9_000)),
  () => [[crypto.randomUUID(), "T", pick(["{}", "{", "null", "\u0000", '"\\u0000"']), pick([null, "{}", 1])]], () => String.fromCharCode(...Array.from({ length: 8 }, () => random(65_536))),
];

/** Right requests, which are sent as they are, or with a field more or another value. */
const RIGHT: readonly (() => [string, Record<string, unknown>])[] = [
  () => ["read", { name: pick(["none", "none-1"]), start: "0", limit: 10 }],
  () => ["read", { name: "$all", start: String(2 ** 40), limit: 10 }],
  () => ["last-message", { stream: "none-1" }],
  () => ["stream-version", { stream: "none-1" }],
  () => ["last-position", { name: "none" }],
  () => ["stream-identifiers", { category: "none" }],
  () => ["report", { name: "categoryTypeSummary" }],
  () => ["query", { query: "broken", stream: "none-1" }],
  () => ["write", { stream: "fuzz-1", messages: [[crypto.randomUUID(), "T", "{}", null]], expected: pick(["-1", "5"]) }],
];

const wrong: string[] = [];
const statuses = new Map<number, number>();
let sent = 0;
async function one(): Promise<void> {
  const junk = Object.fromEntries(Array.from({ length: random(6) }, () => [pick(NAMES), pick(VALUES)()]));
  const [right, fitting] = pick(RIGHT)();
  const [operation, fields] = pick<() => [string, Record<string, unknown>]>([
    () => [right, fitting],
    () => [right, { ...fitting, [pick([...Object.keys(fitting), "condition"])]: pick(VALUES)() }],
    () => [pick(OPERATIONS), junk],
  ])();
  const text = random(20) === 0 ? String.fromCharCode(...Array.from({ length: random(40) }, () => random(256))) : JSON.stringify(fields);
  const get = random(3) === 0;
  const query = new URLSearchParams(Object.entries(fields).map(([name, value]): [string, string] => [name, String(value).slice(0, 500)]));
  const headers = { authorization: `Bearer ${CANARY}`, ...(get ? {} : { "content-type": "application/json" }) };
  const target = `http://127.0.0.1/messagedb/v1/${operation}${get ? `?${query}` : ""}`;
  const response = await gateway.fetch(new Request(target, get ? { headers } : { method: "POST", headers, body: text }));
  const answer = await response.text();
  statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
  // Who reads everything from the beginning is answered with what is stored.
  const asked = response.status === 200 && operation === "read" && fields["name"] === "$all";
  const shows = (answer.includes(CANARY) && !asked) || /message_store\.|syntax error|127\.0\.0\.1/.test(answer);
  if (shows || ![200, 400, 404, 409, 429, 501].includes(response.status)) wrong.push(`${response.status} ${operation} ${text.slice(0, 200)} -> ${answer.slice(0, 200)}`);
}
await Promise.all(Array.from({ length: AT_ONCE }, async () => { while (sent++ < REQUESTS) await one(); }));

report.check("nothing shows data, token, address or SQL, and every answer is one of ours", wrong.length === 0, { wrong: wrong.slice(0, 3), statuses: Object.fromEntries(statuses) });
report.check("nor does the log", !logged.join("\n").includes(CANARY), { lines: logged.length });
const [kept] = await postgres.admin("SELECT count(*)::int AS n, (SELECT count(*)::int FROM pg_class WHERE relname = 'messages') AS tables FROM message_store.messages WHERE stream_name = 'secret-1'");
report.check("what was stored is stored", kept?.["n"] === 1 && kept["tables"] === 1, kept);
await db.close();
await gateway.close();
await postgres.close();
report.finish();
