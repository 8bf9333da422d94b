import { toBase64 } from "../core/base64.js";
import type { PayloadCodec } from "../core/codec.js";
import type { Event as WireEvent, MetadataEntry, SequencedEvent as WireSequencedEvent } from "../../gen/static/umadb/v1/umadb.js";
import type { Metadata, ReceivedEvent, SequencedEvent, TrackingInfo, UmaDbEvent } from "./types.js";

/** A wire event as users get it. */
export function fromWireEvent<Data>(wire: WireSequencedEvent, codec: PayloadCodec<Data> | undefined): ReceivedEvent<Data> {
  const event = wire.event ?? { eventType: "", tags: [], data: new Uint8Array(0), uuid: "", metadata: [] };
  return new Received(wire.position, fromWirePayload(event, codec), wire.trackingInfo);
}

function fromWirePayload<Data>(wire: WireEvent, codec: PayloadCodec<Data> | undefined): UmaDbEvent<Data> {
  const stored = { type: wire.eventType, data: wire.data };
  // Without a codec `Data` is bytes; the client's options say so.
  const { type, data } = codec === undefined ? (stored as { type: string; data: Data }) : codec.decode(stored);
  const metadata = fromWireMetadata(wire.metadata);
  return wire.uuid === "" ? { type, tags: wire.tags, data, metadata } : { type, tags: wire.tags, data, uuid: wire.uuid, metadata };
}

function fromWireMetadata(entries: readonly MetadataEntry[]): Metadata {
  const metadata = Object.create(null) as Record<string, string>;
  for (const { key, value } of entries) metadata[key] = value;
  return metadata;
}

class Received<Data> implements ReceivedEvent<Data> {
  readonly position: bigint;
  readonly event: UmaDbEvent<Data>;
  declare readonly trackingInfo?: TrackingInfo;

  constructor(position: bigint, event: UmaDbEvent<Data>, trackingInfo: TrackingInfo | undefined) {
    this.position = position;
    this.event = event;
    if (trackingInfo !== undefined) this.trackingInfo = trackingInfo;
  }

  toObject(): SequencedEvent<Data> {
    const event = { ...this.event, tags: [...this.event.tags], data: ownBytes(this.event.data), metadata: Object.assign(Object.create(null), this.event.metadata) as Metadata };
    return this.trackingInfo === undefined
      ? { position: this.position, event }
      : { position: this.position, event, trackingInfo: { ...this.trackingInfo } };
  }

  detach(): this {
    (this.event as { data: Data }).data = ownBytes(this.event.data);
    return this;
  }

  toJSON(): unknown {
    const { data } = this.event;
    const tracking = this.trackingInfo;
    return {
      position: String(this.position),
      event: { ...this.event, data: data instanceof Uint8Array ? toBase64(data) : data },
      trackingInfo: tracking === undefined ? undefined : { source: tracking.source, position: String(tracking.position) },
    };
  }
}

/** A copy of bytes; anything else was made by the user's codec and is the user's own. */
function ownBytes<Data>(data: Data): Data {
  return data instanceof Uint8Array ? (new Uint8Array(data) as Data) : data;
}
