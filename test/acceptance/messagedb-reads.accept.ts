// What it costs to read 100 000 messages in pages of 1 000 through the gateway, beside postgres.js straight on PostgreSQL in the same run.
import { MessageDb, type MessageStore } from "millrace/messagedb";
import { MessageDbDirect } from "millrace/messagedb/direct";
import postgres from "postgres";
import { startPostgres } from "../support/postgres.js";
import { startGateway } from "./support/gateway.js";
import { Report } from "./support/report.js";

const MESSAGES = 100_000;
const PAGE = 1_000;
const ROUNDS = 7;
const MOST = 1.6;

const report = new Report();
const server = await startPostgres();
await server.admin(`INSERT INTO message_store.messages (position, stream_name, type, data, metadata)
  SELECT n / 100, 'bench-' || (n % 100), 'Happened',
    jsonb_build_object('n', n, 'text', 'some words of an event', 'amount', n * 1.5), jsonb_build_object('correlationStreamName', 'other-1')
  FROM generate_series(0, ${MESSAGES - 1}) AS n; ANALYZE message_store.messages`);
const gateway = await startGateway({ args: ["--allow-all", "--messagedb", server.url()] });
const sql = postgres(server.url(), { max: 1, onnotice: () => {}, connection: { search_path: "message_store" } });
const direct = new MessageDbDirect({ url: server.url() });
const proxied = new MessageDb({ url: gateway.url });

async function byPostgresJs(): Promise<number> {
  let read = 0;
  let start = 0n;
  for (;;) {
    const rows = await sql`SELECT * FROM message_store.get_category_messages('bench', ${String(start)}, ${PAGE})`;
    const last = rows.at(-1);
    if (last === undefined) return read;
    read += rows.length;
    start = BigInt(last["global_position"] as string) + 1n;
  }
}

async function by(store: MessageStore): Promise<number> {
  let read = 0;
  for await (const messages of store.readCategory("bench", { limit: Infinity }).batches()) read += messages.length;
  return read;
}

const ways = { postgresJs: byPostgresJs, direct: () => by(direct), proxied: () => by(proxied) };
const names = Object.keys(ways) as (keyof typeof ways)[];
const ms: Record<keyof typeof ways, number[]> = { postgresJs: [], direct: [], proxied: [] };
let whole = true;
for (let round = 0; round <= ROUNDS; round++) {
  for (const name of names) {
    const began = performance.now();
    whole &&= (await ways[name]()) === MESSAGES;
    // The first round warms them all up.
    if (round > 0) ms[name].push(performance.now() - began);
  }
}

/** The median of what the rounds say, each compared with itself: a machine that is busy is so for all of a round. */
function ratio(name: keyof typeof ways, than: keyof typeof ways): number {
  const ratios = ms[name].map((value, round) => value / (ms[than][round] as number)).sort((a, b) => a - b);
  return ratios[ratios.length >> 1] as number;
}

for (const name of names) report.note(`${name}, ms a round`, ms[name].map(Math.round));
report.check("each reads all messages", whole);
report.check(`the gateway costs at most ${MOST} times postgres.js`, ratio("proxied", "postgresJs") <= MOST, { ratio: ratio("proxied", "postgresJs") });
report.check(`and at most ${MOST} times MessageDbDirect`, ratio("proxied", "direct") <= MOST, { ratio: ratio("proxied", "direct") });
report.check(`MessageDbDirect costs at most ${MOST} times postgres.js`, ratio("direct", "postgresJs") <= MOST, { ratio: ratio("direct", "postgresJs") });
await Promise.all([direct.close(), proxied.close(), sql.end(), gateway.stop()]);
await server.close();
report.finish();
