import { toJson, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import { reflect, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { ValueSchema, type Value } from "@bufbuild/protobuf/wkt";

/**
 * The object that ts-proto has for a message of protobuf-es, built from the descriptor alone: absent fields are
 * `undefined`, a oneof is `{ $case, value }`, a map is a Map, a `google.protobuf.Value` is the JSON value.
 */
export function plainMessage(desc: DescMessage, message: Message): unknown {
  // The type's name was just compared.
  if (desc.typeName === ValueSchema.typeName) return toJson(ValueSchema, message as Value);
  return plain(reflect(desc, message));
}

function plain(message: ReflectMessage): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const member of message.desc.members) {
    if (member.kind === "field") {
      object[member.localName] = plainField(message, member);
      continue;
    }
    const field = message.oneofCase(member);
    object[member.localName] = field === undefined ? undefined : { $case: field.localName, value: plainField(message, field) };
  }
  return object;
}

function plainField(message: ReflectMessage, field: DescField): unknown {
  switch (field.fieldKind) {
    case "list": {
      const { message: inner } = field;
      return [...message.get(field)].map((item) => (inner === undefined ? item : plainInner(item)));
    }
    case "map": {
      const { message: inner } = field;
      return new Map([...message.get(field)].map(([key, value]) => [key, inner === undefined ? value : plainInner(value)]));
    }
    case "message": return message.isSet(field) ? plainInner(message.get(field)) : undefined;
    default: return isAbsent(message, field) ? undefined : message.get(field);
  }
}

/** @param value What reflection gives for a field whose descriptor says that it holds messages. */
function plainInner(value: unknown): unknown {
  const message = value as ReflectMessage;
  return plainMessage(message.desc, message.message);
}

/** A field with presence that is not set; one without presence has its zero value then. */
function isAbsent(message: ReflectMessage, field: DescField): boolean {
  return field.proto.proto3Optional && !message.isSet(field);
}
