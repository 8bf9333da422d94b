import type { ReadReq_Options_FilterOptions } from "millrace/internal/gen/static/event_store/client/streams/streams";
import { handlerFailed, invalid } from "./errors.js";
import type { StoredRecord } from "./record.js";

/** Which records of the log a reader wants. */
export type RecordFilter = (record: StoredRecord) => boolean;

/** A filter with its window, both in number of records. */
export interface Filtering {
  readonly matches: RecordFilter;
  readonly window: number;
  readonly multiplier: number;
}

/** A filter as a request says it. */
export type FilterOptions = ReadReq_Options_FilterOptions;

const TYPES = "EventStore.Client.Streams.ReadReq+Types+Options+Types+FilterOptions";
const DEFAULT_WINDOW = 32;

/** The records that a filter lets through. @throws {StatusError} */
export function parseFilter({ filter, window, checkpointIntervalMultiplier }: FilterOptions): RecordFilter {
  if (filter === undefined) {
    const size = window?.$case === "max" ? `"max": ${window.value}` : '"count": { }';
    throw invalid(`'{ ${size}, "checkpointIntervalMultiplier": ${checkpointIntervalMultiplier} }' is not a valid ${TYPES}`);
  }
  const { regex, prefix } = filter.value;
  const subject = filter.$case === "eventType" ? (record: StoredRecord) => record.type : (record: StoredRecord) => record.stream;
  if (regex === "") return (record) => prefix.some((one) => subject(record).startsWith(one));
  const pattern = parseRegex(regex);
  return (record) => pattern.test(subject(record));
}

/** How many records are considered before a reader is told how far it got. @throws {StatusError} */
export function parseWindow({ window }: FilterOptions): number {
  if (window === undefined) throw invalid(`'None' is not a valid ${TYPES}+WindowOneofCase`);
  return window.$case === "max" ? window.value : DEFAULT_WINDOW;
}

/** .NET's dialect as far as JavaScript's has it, options at the beginning (`(?i)`) included. */
function parseRegex(text: string): RegExp {
  const options = /^\(\?([ims]+)\)/.exec(text);
  try {
    return new RegExp(options === null ? text : text.slice(options[0].length), options?.[1] ?? "");
  } catch {
    throw handlerFailed();
  }
}
