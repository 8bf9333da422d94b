import { create, toBinary, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";

/** A message of some of its fields, serialised by other code than the one under test. */
export function bytesOf<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Uint8Array {
  return toBinary(schema, create(schema, init));
}
