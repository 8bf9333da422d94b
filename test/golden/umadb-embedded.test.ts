import { connect, type ClientHttp2Session, type ClientHttp2Stream } from "node:http2";
import { HealthCheckResponse } from "millrace/internal/gen/static/grpc/health/v1/health";
import { AppendResponse, ErrorResponse, HeadResponse, ReadResponse, SubscribeResponse, TrackingResponse } from "millrace/internal/gen/static/umadb/v1/umadb";
import { encodeEnvelopes, payloadsOf as payloadsOfChunk } from "millrace/internal/wire/frames";
import { listenEmbedded } from "millrace-server/embedded/node";
import { UmaDb } from "millrace/umadb";
import { afterAll, describe, expect, it } from "vitest";
import { endOf, isShortened, payloadsOf, recordingsOf, type RecordedCall } from "./recording.js";

// Our embedded server against what a real one was asked, byte for byte, and against what that one answered.

/** Recordings in which the server ends or dies, which only a client can be shown. */
const ONLY_FOR_CLIENTS = ["crash", "shutdown-SIGINT", "shutdown-SIGTERM"];

const RACE = "whether the real server stores an append whose time is over differs from run to run, and with it what comes after";
const EXCEPTIONS = new Map([["deadline/43", RACE], ["deadline/44", RACE], ["deadline/45", RACE], ["deadline/46", RACE]]);

const counts = { replayed: 0, shortened: 0, exceptions: 0 };

describe("the embedded UmaDB, asked what a real server was asked", () => {
  const recordings = [...recordingsOf("umadb")].filter(([file]) => !ONLY_FOR_CLIENTS.includes(file));

  it.each(recordings)("answers each call of %s as the real one did", async (file, calls) => {
    const server = await listenEmbedded({ apiKey: file === "auth" || file === "tls" ? "sekret:key-1" : undefined });
    const session = connect(server.url);
    const db = new UmaDb({ carrier: server.carrier });
    const left: Promise<void>[] = [];
    try {
      for (const group of together(calls)) {
        const compared: [theirs: Answer, ours: Answer][] = [];
        for (const call of group) {
          const name = `${file}/${call.n}`;
          if (isShortened(call.request.messages)) {
            counts.shortened += 1;
            await standIn(db, call);
          } else if (EXCEPTIONS.has(name)) {
            counts.exceptions += 1;
          } else if (call.ended === "cancelled by client") {
            count(call);
            left.push((await followed(session, name, call)).seen);
          } else {
            count(call);
            compared.push([recordedAnswer(call), await answered(session, call)]);
          }
        }
        const names = `${file}/${group[0]?.n} to ${group.at(-1)?.n}`;
        expect({ names, answers: compared.map(([, ours]) => ours) }).toEqual({ names, answers: compared.map(([theirs]) => theirs) });
      }
      await Promise.all(left);
    } finally {
      session.destroy();
      await server.close();
    }
  }, 20_000);

  afterAll(() => {
    process.stdout.write(`golden/umadb, the embedded server: ${JSON.stringify(counts)}\n`);
    expect(counts.exceptions).toBeLessThanOrEqual(15);
  });
});

function count({ response }: RecordedCall): void {
  counts[isShortened(response.messages) ? "shortened" : "replayed"] += 1;
}

/** Calls that were made at once stand together, in the order in which the real server took them, as positions tell it. */
function together(calls: readonly RecordedCall[]): RecordedCall[][] {
  const groups: RecordedCall[][] = [];
  for (const call of calls) {
    const last = groups.at(-1);
    if (last?.[0]?.scenario === call.scenario) last.push(call);
    else groups.push([call]);
  }
  return groups.map((group) => group.sort((a, b) => Number(lastPosition(a)) - Number(lastPosition(b))));
}

/** Where an append's last event was stored; after all others what was refused. */
function lastPosition({ path, response }: RecordedCall): bigint {
  const [message] = payloadsOf(response.messages);
  return path.endsWith("/Append") && message !== undefined ? AppendResponse.decode(message).position : 2n ** 64n;
}

/** An append of which only a part was recorded: as many other events take its place, so that positions stay the same. */
async function standIn(db: UmaDb, { path, response }: RecordedCall): Promise<void> {
  const [message] = payloadsOf(response.messages);
  if (!path.endsWith("/Append") || message === undefined) return;
  const missing = Number(AppendResponse.decode(message).position - ((await db.head()) ?? 0n));
  if (missing > 0) await db.append(Array.from({ length: missing }, () => ({ type: "stand-in", data: new Uint8Array(0) })));
}

const ANSWERS: Record<string, (bytes: Uint8Array) => object> = {
  Append: (bytes) => AppendResponse.decode(bytes),
  Head: (bytes) => HeadResponse.decode(bytes),
  GetTrackingInfo: (bytes) => TrackingResponse.decode(bytes),
  Read: (bytes) => ReadResponse.decode(bytes),
  Subscribe: (bytes) => SubscribeResponse.decode(bytes),
  Check: (bytes) => HealthCheckResponse.decode(bytes),
  Watch: (bytes) => HealthCheckResponse.decode(bytes),
};

function decoded(path: string, payloads: readonly Uint8Array[]): object[] {
  return payloads.map((payload) => (ANSWERS[path.split("/").at(-1) as string] as (bytes: Uint8Array) => object)(payload));
}

/** What is compared of an answer: its status, the error that its details hold, its messages. */
interface Answer {
  readonly http: number;
  readonly status: number | undefined;
  readonly error: object | undefined;
  readonly messages: object[] | "shortened";
}

function recordedAnswer(call: RecordedCall): Answer {
  const { headers, messages } = call.response;
  const end = endOf(call);
  return {
    http: Number(headers?.[":status"]),
    status: end?.status,
    error: errorOf(end?.fields["grpc-status-details-bin"]),
    messages: isShortened(messages) ? "shortened" : decoded(call.path, payloadsOf(messages)),
  };
}

/** Type and text; of a conflict only its beginning, since the real server goes on to print the stored event. */
function errorOf(details: string | undefined): object | undefined {
  if (details === undefined) return undefined;
  const { message, errorType } = ErrorResponse.decode(new Uint8Array(Buffer.from(details, "base64")));
  const text = message
    .replace(/^(integrity error: condition failed: )(?!non-increasing).*/s, "$1")
    .replace(/^(invalid argument: ).*\bsubscribe\b.*/s, "$1subscribe");
  return { text, errorType };
}

function open(session: ClientHttp2Session, call: RecordedCall): ClientHttp2Stream {
  const stream = session.request({ ":method": "POST", ":path": call.path, ...call.request.headers });
  const announced = /found%20(\d+)%20bytes/.exec(String(call.response.headers?.["grpc-message"]))?.[1];
  if (announced === undefined) stream.end(encodeEnvelopes(payloadsOf(call.request.messages)));
  // Refused by its length: the recording holds no byte of it, and the server wants none.
  else stream.write(Buffer.from(Uint32Array.of(Number(announced)).buffer).swap32().toString("hex").padStart(10, "0"), "hex");
  return stream;
}

async function answered(session: ClientHttp2Session, call: RecordedCall): Promise<Answer> {
  const stream = open(session, call);
  let fields: Record<string, unknown> = {};
  const body: Buffer[] = [];
  stream.on("response", (headers) => { fields = { ...headers }; });
  stream.on("trailers", (trailers) => { fields = { ...fields, ...trailers }; });
  stream.on("data", (bytes: Buffer) => body.push(bytes));
  await new Promise((resolve, reject) => {
    stream.on("end", resolve);
    stream.on("error", reject);
  });
  stream.close();
  const status = fields["grpc-status"];
  return {
    http: Number(fields[":status"]),
    status: status === undefined ? undefined : Number(status),
    error: errorOf(fields["grpc-status-details-bin"] as string | undefined),
    messages: isShortened(call.response.messages) ? "shortened" : decoded(call.path, payloadsOfChunk(new Uint8Array(Buffer.concat(body)))),
  };
}

/**
 * A call that its client left: resolves when it is accepted; `seen` does when what was recorded of it has come.
 * How live events are spread over messages is a matter of time; a stream that brought nothing must not begin to.
 */
async function followed(session: ClientHttp2Session, name: string, call: RecordedCall): Promise<{ seen: Promise<void> }> {
  const stream = open(session, call);
  const headers = await new Promise<Record<string, unknown>>((resolve) => { stream.on("response", resolve); });
  expect({ name, http: headers[":status"], status: headers["grpc-status"] }).toEqual({ name, http: 200, status: undefined });
  if (isShortened(call.response.messages)) {
    stream.close();
    return { seen: Promise.resolve() };
  }
  const wanted = items(decoded(call.path, payloadsOf(call.response.messages)));
  let body = Buffer.alloc(0);
  const come = (): object[] => items(decoded(call.path, payloadsOfChunk(new Uint8Array(body.subarray(0, wholeBytes(body))))));
  const seen = new Promise<void>((resolve, reject) => {
    const look = (): void => {
      const got = come();
      if (got.length < wanted.length) return;
      stream.close();
      try {
        expect({ name, items: wanted.length === 0 ? got : got.slice(0, wanted.length) }).toEqual({ name, items: wanted });
        resolve();
      } catch (error) {
        reject(error as Error);
      }
    };
    stream.on("data", (bytes: Buffer) => {
      body = Buffer.concat([body, bytes]);
      look();
    });
    stream.on("error", reject);
    if (wanted.length === 0) setImmediate(look);
  });
  seen.catch(() => undefined);
  return { seen };
}

function items(messages: readonly object[]): object[] {
  return messages.flatMap((message) => (message as { events?: object[] }).events ?? [message]);
}

/** How many of the bytes are whole envelopes. */
function wholeBytes(body: Buffer): number {
  let at = 0;
  while (at + 5 <= body.length && at + 5 + body.readUInt32BE(at + 1) <= body.length) at += 5 + body.readUInt32BE(at + 1);
  return at;
}
