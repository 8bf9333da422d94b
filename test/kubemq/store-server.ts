import { MillraceError } from "millrace";
import type { Carrier } from "millrace/carrier";
import { EventReceive, Subscribe } from "millrace/internal/gen/static/kubemq/kubemq";
import { scriptedCarrier, type ScriptedCall } from "../support/scripted-carrier.js";

/** One channel of stored events as a 2.4 broker delivers it: each client id has a position of its own that counts what was sent. */
export interface StoreServer {
  readonly carrier: Carrier & { readonly calls: ScriptedCall[] };
  /** Every subscription that was asked for, in order. */
  readonly asked: Subscribe[];
  /** Stores an event and sends it to all, but not to those for which it is dropped. */
  publish(options?: { drop?: boolean }): void;
  /** Forgets all events; numbers begin again at 1. */
  purge(): void;
  /** Forgets the events up to a number. */
  expire(sequence: bigint): void;
  /** Breaks all calls. */
  cut(): void;
}

interface Reader {
  readonly call: ScriptedCall;
  readonly clientId: string;
}

export function storeServer(): StoreServer {
  let stored: bigint[] = [];
  let last = 0n;
  const asked: Subscribe[] = [];
  const positions = new Map<string, bigint>();
  const readers = new Set<Reader>();
  const send = ({ call, clientId }: Reader, sequence: bigint): void => {
    positions.set(clientId, sequence);
    call.chunk(eventOf(sequence));
  };
  const carrier = scriptedCarrier((call) => {
    const subscribe = Subscribe.decode([...(call.call.messages as Iterable<Uint8Array>)][0] as Uint8Array);
    asked.push(subscribe);
    const { ClientID: clientId, EventsStoreTypeData: type, EventsStoreTypeValue: value } = subscribe;
    const known = positions.get(clientId);
    const from = known !== undefined ? known + 1n : type === 2 ? 1n : type === 3 ? last : type === 4 && value <= last ? value : type === 6 ? 1n : last + 1n;
    const reader = { call, clientId };
    call.headers();
    readers.add(reader);
    for (const sequence of stored) if (sequence >= from) send(reader, sequence);
  });
  return {
    carrier,
    asked,
    publish({ drop = false } = {}) {
      stored.push(++last);
      for (const reader of readers) if (!drop && reader.call.call.signal?.aborted !== true) send(reader, last);
    },
    purge() {
      stored = [];
      last = 0n;
      positions.clear();
    },
    expire(sequence) {
      stored = stored.filter((one) => one > sequence);
    },
    cut() {
      for (const { call } of readers) call.fail(new MillraceError("unavailable", "The connection was cut"));
      readers.clear();
    },
  };
}

function eventOf(Sequence: bigint): Uint8Array {
  return EventReceive.encode({ EventID: `e${Sequence}`, Channel: "c", Metadata: "m", Body: new Uint8Array(300), Timestamp: Sequence, Sequence, Tags: new Map() }).finish();
}
