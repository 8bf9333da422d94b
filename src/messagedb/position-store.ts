import { categoryName, text } from "./check.js";
import { checkOptions } from "../core/arguments.js";
import type { PositionStore } from "./options.js";
import type { MessageStore } from "./store.js";

/** What {@link positionStore} needs of a client. */
export type PositionClient = Pick<MessageStore, "write" | "readLastMessage">;

/** Options of {@link positionStore}. */
export interface PositionStoreOptions {
  /** Which of several consumers of the category it is, such as `inventory-1`. A member of a consumer group needs one. */
  identifier?: string | undefined;
}

/**
 * Keeps a consumer's place in the store itself, where Eventide's consumers keep theirs: as a message `Recorded` in the
 * stream `category:position`, with `-identifier` where there is one (`category:command+position` for `category:command`).
 *
 * A subscription goes on after the position that is recorded, which Eventide's own consumers handle once more.
 */
export function positionStore(client: PositionClient, category: string, options: PositionStoreOptions = {}): PositionStore {
  checkOptions("options", options, ["identifier"], "options.", "messagedb");
  const { identifier } = options;
  const name = categoryName(category, "category");
  const suffix = identifier === undefined ? "" : `-${text(identifier, "options.identifier")}`;
  const stream = `${name}${name.includes(":") ? "+" : ":"}position${suffix}`;
  return {
    async get(signal) {
      const { position } = Object((await client.readLastMessage(stream, { signal }))?.data) as { position?: number | bigint };
      return position === undefined ? undefined : BigInt(position);
    },
    async put(position, signal) {
      // A number, as Eventide reads it; a client with `exactJson` keeps what a number cannot hold.
      await client.write(stream, { type: "Recorded", data: { position: Number.isSafeInteger(Number(position)) ? Number(position) : position } }, { signal });
    },
  };
}
