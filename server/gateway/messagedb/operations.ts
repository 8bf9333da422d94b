import { MillraceError } from "millrace/internal/core/errors";
import { readCustom } from "millrace/internal/messagedb/custom-query";
import { readReport } from "millrace/internal/messagedb/reports";
import { messageStoreVersion, readLastMessage, readPageJson, streamIdentifiers, streamVersion } from "millrace/internal/messagedb/sql";
import type { SqlExecutor } from "millrace/internal/messagedb/sql-executor";
import { lastPosition } from "millrace/internal/messagedb/sql-subscribe";
import { writeMessages } from "millrace/internal/messagedb/sql-write";
import { MAX_PAGE, NEXT_HEADER, type Asked } from "millrace/internal/wire/messagedb";
import type { HeaderFields } from "../exchange.js";
import {
  categoryRequest, fieldsOf, lastMessageRequest, positionRequest, queryRequest, readRequest, reportRequest, streamRequest, writeRequest, type ReadRequest,
} from "./requests.js";

/** What an operation needs. */
export interface OperationContext {
  readonly sql: SqlExecutor;
  /** SQL that the operator registered, by name. */
  readonly queries: ReadonlyMap<string, string>;
}

/** An operation with one answer. */
export interface Operation<Answer = unknown> {
  /** Whether it only reads. */
  readonly reads: boolean;
  run(body: unknown, context: OperationContext): Promise<Answer>;
}

type Operations = { readonly [Name in keyof Asked]: Operation<Asked[Name]["answer"] | JsonText> };

/** An answer that is JSON already, as text or in UTF-8. */
export class JsonText {
  readonly text: string | Uint8Array;
  /** What its response says beside it. */
  readonly headers: HeaderFields;

  constructor(text: string | Uint8Array, headers: HeaderFields = {}) {
    this.text = text;
    this.headers = headers;
  }
}

/** A page that was asked for. */
export interface AnsweredPage {
  readonly answer: JsonText;
  /** Names what a full page holds; `undefined` for one that may grow. */
  readonly etag: string | undefined;
}

/** Reads a page. */
export async function readAnswer({ source, start, limit }: ReadRequest, sql: SqlExecutor): Promise<AnsweredPage> {
  const { json, count, ends, next } = await readPageJson(sql, source, start, limit);
  const full = count >= limit;
  return { answer: new JsonText(json, full ? { [NEXT_HEADER]: next } : {}), etag: full ? `"${ends}-${limit}"` : undefined };
}

const textOf = (position: bigint | undefined): string | null => position?.toString() ?? null;

const OPERATIONS: Operations = {
  read: { reads: true, run: async (body, { sql }) => (await readAnswer(readRequest(body), sql)).answer },
  write: {
    reads: false,
    async run(body, { sql }) {
      const { write, repeated } = writeRequest(body);
      return { position: String(await writeMessages(sql, write, repeated)) };
    },
  },
  "last-message": {
    reads: true,
    async run(body, { sql }) {
      const { stream, type } = lastMessageRequest(body);
      return { message: (await readLastMessage(sql, stream, type)) ?? null };
    },
  },
  "stream-version": { reads: true, run: async (body, { sql }) => ({ position: textOf(await streamVersion(sql, streamRequest(body))) }) },
  "last-position": { reads: true, run: async (body, { sql }) => ({ position: textOf(await lastPosition(sql, positionRequest(body))) }) },
  "stream-identifiers": { reads: true, run: async (body, { sql }) => ({ ids: await streamIdentifiers(sql, categoryRequest(body)) }) },
  report: { reads: true, run: async (body, { sql }) => ({ rows: await readReport(sql, reportRequest(body)) }) },
  "message-store-version": {
    reads: true,
    async run(body, { sql }) {
      fieldsOf(body, []);
      return { version: await messageStoreVersion(sql) };
    },
  },
  query: {
    reads: true,
    async run(body, { sql, queries }) {
      const { query, parameters } = queryRequest(body);
      const text = queries.get(query);
      if (text === undefined) throw new MillraceError("not_found", "No query has this name", { system: "messagedb" });
      const messages = await readCustom(sql, text, parameters);
      if (messages.length > MAX_PAGE) throw new MillraceError("resource_exhausted", `The query gives more than ${MAX_PAGE} messages`, { system: "messagedb" });
      return { messages };
    },
  },
};

/** The operation of this name, matched byte for byte. */
export function operationOf(name: string): Operation | undefined {
  return Object.hasOwn(OPERATIONS, name) ? OPERATIONS[name as keyof Asked] : undefined;
}
