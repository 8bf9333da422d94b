import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A message's payload in base64; one longer than 32 KiB as its length and the beginning of its base64. */
export type RecordedMessage = string | { readonly bytes: number; readonly head: string };

/** One call to a real server, as it went over the wire. */
export interface RecordedCall {
  readonly n: number;
  readonly scenario: string;
  readonly path: string;
  /** One letter an event: `c` client message, `s` server message, `C` client half-closed, `S` server ended, `x` client cancelled. */
  readonly order: string;
  readonly request: { readonly headers: Readonly<Record<string, string>>; readonly messages: readonly RecordedMessage[] };
  readonly response: {
    readonly headers: Readonly<Record<string, string | number>> | null;
    readonly messages: readonly RecordedMessage[];
    readonly trailers: Readonly<Record<string, string>> | null;
  };
  readonly ended: "ended by server" | "cancelled by client";
  /** How long the call was open, in milliseconds. */
  readonly ms?: number;
}

/** What a recorded call means in our client's terms, written down from the protocol before any replay. */
export interface Expectation {
  readonly file: string;
  readonly n: number;
  /** The method of `UmaDb`; `null` where it has none. */
  readonly method: "append" | "read" | "subscribe" | "head" | "trackingInfo" | "health" | null;
  /** The outcome, in the form that a replay gives; `shortened` where the recording does not hold it whole. */
  readonly shortened?: true;
}

const folder = (name: string): string => fileURLToPath(new URL(`${name}/`, import.meta.url));

/** The recordings of a system by the name of their file, each of one fresh server. */
export function recordingsOf(system: string): Map<string, RecordedCall[]> {
  const names = readdirSync(folder(system)).filter((name) => name.endsWith(".jsonl")).sort();
  return new Map(names.map((name) => [name.replace(".jsonl", ""), linesOf<RecordedCall>(`${folder(system)}${name}`)]));
}

/** The expectations of a system by `file/n`. */
export function expectationsOf(system: string): Map<string, Expectation> {
  return new Map(linesOf<Expectation>(`${folder("expected")}${system}.jsonl`).map((line) => [`${line.file}/${line.n}`, line]));
}

function linesOf<T>(file: string): T[] {
  return readFileSync(file, "utf8").trim().split("\n").map((line) => JSON.parse(line) as T);
}

/** Whether messages stand there shortened. */
export function isShortened(messages: readonly RecordedMessage[]): boolean {
  return messages.some((message) => typeof message !== "string");
}

/** The payloads of messages that stand there whole. */
export function payloadsOf(messages: readonly RecordedMessage[]): Uint8Array[] {
  return messages.filter((message) => typeof message === "string").map((message) => new Uint8Array(Buffer.from(message, "base64")));
}

/** The status with which the server ended a call, and what else it said then; `undefined` where it did not. */
export function endOf({ response }: RecordedCall): { status: number; fields: Record<string, string> } | undefined {
  const fields = { ...response.headers, ...response.trailers } as Record<string, string>;
  const status = fields["grpc-status"];
  return status === undefined ? undefined : { status: Number(status), fields };
}
