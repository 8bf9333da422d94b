/** An event as it is written: what its writer says of it. */
export interface NewRecord {
  /** A uuid in lower case with hyphens. */
  readonly id: string;
  readonly type: string;
  readonly isJson: boolean;
  readonly data: Uint8Array;
  readonly customMetadata: Uint8Array;
}

/** An event in the log. */
export interface StoredRecord extends NewRecord {
  readonly stream: string;
  /** Its revision; `TOMBSTONE_NUMBER` for the event that ends a stream. */
  readonly number: bigint;
  /** Its place in the log, for commit and prepare alike. */
  readonly position: bigint;
  /** 100-nanosecond ticks since the Unix epoch. */
  readonly created: bigint;
}

/** The revision of a tombstone. */
export const TOMBSTONE_NUMBER = 2n ** 63n - 1n;
/** "The end" in a request, and "unknown" in an answer. */
export const MAX_U64 = 2n ** 64n - 1n;
/** The stream whose events are the metadata of another. */
export const metadataStreamOf = (stream: string): string => `$$${stream}`;
/** What a metadata stream describes; `undefined` for a stream that is none. */
export const describedBy = (stream: string): string | undefined => (stream.startsWith("$$") ? stream.slice(2) : undefined);

/** Expected revisions that are no number, as the server counts them. */
export const expected = { noStream: -1n, any: -2n, exists: -4n } as const;

/** A link's target, from data such as `3@orders-1`; `undefined` for data that is no link. */
export function linkTarget({ data }: NewRecord): { stream: string; number: bigint } | undefined {
  const match = /^(\d+)@(.+)$/s.exec(new TextDecoder().decode(data));
  return match === null ? undefined : { number: BigInt(match[1] as string), stream: match[2] as string };
}
