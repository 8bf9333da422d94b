import { MillraceError } from "millrace/internal/core/errors";
import { readCustom } from "millrace/internal/messagedb/custom-query";
import { readReport } from "millrace/internal/messagedb/reports";
import { messageStoreVersion, readLastMessage, readPageJson, streamIdentifiers, streamVersion } from "millrace/internal/messagedb/sql";
import type { SqlExecutor } from "millrace/internal/messagedb/sql-executor";
import { lastPosition } from "millrace/internal/messagedb/sql-subscribe";
import { writeMessages } from "millrace/internal/messagedb/sql-write";
import { MAX_PAGE, type Asked } from "millrace/internal/wire/messagedb";
import {
  categoryRequest, fieldsOf, lastMessageRequest, positionRequest, queryRequest, readRequest, reportRequest, streamRequest, writeRequest,
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

/** An answer that is JSON already. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** The rows of a page, each as JSON. */
export async function readRows(body: unknown, sql: SqlExecutor): Promise<string[]> {
  const { source, start, limit } = readRequest(body);
  return readPageJson(sql, source, start, limit);
}

const textOf = (position: bigint | undefined): string | null => position?.toString() ?? null;

const OPERATIONS: Operations = {
  read: { reads: true, run: async (body, { sql }) => new JsonText(`{"messages":[${(await readRows(body, sql)).join(",")}]}`) },
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
