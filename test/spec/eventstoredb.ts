import { EventStoreDb } from "millrace/eventstoredb";
import { afterAll, beforeAll, describe } from "vitest";
import { appendSpec } from "./eventstoredb/append.js";
import type { EventStoreDbBackend, SpecContext } from "./eventstoredb/backend.js";
import { deleteSpec } from "./eventstoredb/delete.js";
import { metadataSpec } from "./eventstoredb/metadata.js";
import { readSpec } from "./eventstoredb/read.js";
import { subscribeSpec } from "./eventstoredb/subscribe.js";

export type { EventStoreDbBackend } from "./eventstoredb/backend.js";

/** What a client of EventStoreDB sees, whatever carries its calls. */
export function eventStoreDbSpec(backend: EventStoreDbBackend): void {
  describe(`EventStoreDb ${backend.name}`, () => {
    let client: EventStoreDb | undefined;
    let close: (() => Promise<void>) | undefined;
    beforeAll(async () => {
      const opened = await backend.open();
      close = opened.close;
      client = new EventStoreDb(opened.options);
    }, 60_000);
    afterAll(async () => {
      await client?.close();
      await close?.();
    });
    const context: SpecContext = { client: () => client as EventStoreDb, stream: () => `spec-${crypto.randomUUID()}` };
    appendSpec(context);
    readSpec(context);
    subscribeSpec(context);
    deleteSpec(context);
    metadataSpec(context);
  });
}
