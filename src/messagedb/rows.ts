import { MillraceError } from "../core/errors.js";
import type { MessageRow } from "../wire/message-row.js";
import type { JsonFormat } from "./options.js";
import type { Message } from "./types.js";

/**
 * A stored message as its reader gets it.
 *
 * @throws What `json.parse` throws.
 */
export function toMessage<Data>(row: MessageRow, json: JsonFormat): Message<Data> {
  const [id, stream, type, position, globalPosition, data, metadata, micros] = row;
  return {
    id, stream, type,
    position: BigInt(position),
    globalPosition: BigInt(globalPosition),
    data: (data === null ? null : json.parse(data)) as Data,
    ...(metadata !== null && { metadata: json.parse(metadata) }),
    // Towards the past also before 1970; in numbers, since dividing bigints would take as long as all else here.
    time: new Date(Math.floor(Number(micros) / 1_000)),
    timeMicros: BigInt(micros),
  };
}

/** A row of a query as that of a message. The query's columns are those of {@link MessageRow}, in its order. */
export function toMessageRow(row: readonly (string | null)[]): MessageRow {
  if (row.length !== 8) throw new MillraceError("internal", `A message has 8 columns, the query gave ${row.length}`, { system: "messagedb" });
  return row as unknown as MessageRow;
}
