// Reads everything through the gateway by connect-web and protobuf-es, as their users do.
import { createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { DCB } from "millrace/internal/gen/es/umadb/v1/umadb_pb";
import { Checksum } from "../lib/checksum.mjs";
import { serveQuestions } from "../lib/process.mjs";

const [url] = process.argv.slice(2);

serveQuestions(async ({ full }) => {
  const client = createClient(DCB, createGrpcWebTransport({ baseUrl: url }));
  const sum = new Checksum(full);
  const started = performance.now();
  for await (const { events } of client.read({})) {
    for (const { position, event } of events) sum.add(position, event.eventType, event.tags, event.uuid, event.data);
  }
  return { ms: performance.now() - started, checksum: String(sum) };
});
