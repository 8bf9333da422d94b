import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { DescFile, DescMessage, DescService } from "@bufbuild/protobuf";
import type { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

/** What ts-proto makes of a message; the message's type is known to the caller only by its descriptor. */
export interface Codec {
  encode(message: unknown, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): unknown;
}

/** One .proto file as both generators see it. */
export interface GeneratedFile {
  /** As protobuf-es names it: `umadb/v1/umadb`, the path below `proto/` without extension. */
  name: string;
  /** All messages, nested ones too, without the entries of maps. */
  messages: DescMessage[];
  services: readonly DescService[];
  /** ts-proto's codec for a message. Throws where there is none. */
  codecOf(message: DescMessage): Codec;
}

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The .proto files below `proto/`, without extension and sorted. */
export async function protoFiles(): Promise<string[]> {
  const files = await readdir(`${root}proto`, { recursive: true });
  return files.filter((file) => file.endsWith(".proto")).map((file) => file.replaceAll("\\", "/").replace(/\.proto$/, "")).sort();
}

/** Both generators' output for one .proto file. */
export async function generatedFile(name: string): Promise<GeneratedFile> {
  const es: Record<string, unknown> = await import(`${root}gen/es/${name}_pb.ts`);
  const codecs: Record<string, unknown> = await import(`${root}gen/static/${name}.ts`);
  const file = Object.values(es).find(isDescFile);
  if (file === undefined) throw new Error(`gen/es/${name}_pb.ts has no file descriptor`);
  return {
    name,
    messages: file.messages.flatMap(withNested),
    services: file.services,
    codecOf(message) {
      const codec = codecs[localName(message)];
      if (!isCodec(codec)) throw new Error(`gen/static/${name}.ts has no codec for ${message.typeName}`);
      return codec;
    },
  };
}

function withNested(message: DescMessage): DescMessage[] {
  return [message, ...message.nestedMessages.flatMap(withNested)];
}

/** ts-proto's name: `umadb.v1.ErrorResponse.ErrorType` is `ErrorResponse_ErrorType`. */
function localName(message: DescMessage): string {
  const scope = message.file.proto.package;
  return message.typeName.slice(scope === "" ? 0 : scope.length + 1).replaceAll(".", "_");
}

function isDescFile(value: unknown): value is DescFile {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "file";
}

function isCodec(value: unknown): value is Codec {
  return typeof value === "object" && value !== null && "encode" in value && "decode" in value;
}
