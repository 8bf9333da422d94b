import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AccessDeniedError, jsonEvent, KurrentDBClient } from "@kurrent/kurrentdb-client";
import { listenEmbedded, type ListeningEmbedded } from "millrace-server/embedded/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeCertificate } from "../support/certificate.js";

let folder: string;
let server: ListeningEmbedded;
let connection: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "millrace-tls-"));
  const { caPath, certPath, keyPath } = await makeCertificate(folder);
  const tls = { cert: await readFile(certPath, "utf8"), key: await readFile(keyPath, "utf8") };
  server = await listenEmbedded({ systems: ["eventstoredb"], eventstoredb: { users: true }, tls });
  connection = `${server.address}?tls=true&tlsCAFile=${encodeURIComponent(caPath)}`;
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

async function as<T>(login: string | undefined, work: (client: KurrentDBClient) => Promise<T>): Promise<T> {
  const client = KurrentDBClient.connectionString(`kurrentdb://${login === undefined ? "" : `${login}@`}${connection}`);
  try {
    return await work(client);
  } finally {
    await client.dispose();
  }
}

const event = () => jsonEvent({ type: "Noted", data: {} });

describe("the embedded EventStoreDB with users, over TLS", () => {
  it("lets in who has a login, and nobody else", async () => {
    expect(await as("ops:changeit", (client) => client.appendToStream("notes-1", event()))).toMatchObject({ success: true });
    await expect(as(undefined, (client) => client.appendToStream("notes-1", event()))).rejects.toThrow(AccessDeniedError);
    await expect(as("ops:wrong", (client) => client.appendToStream("notes-1", event()))).rejects.toThrow("Unauthenticated");
  });

  it("keeps to the rights that a stream's metadata gives", async () => {
    await as("admin:changeit", (client) => client.setStreamMetadata("secret-1", { acl: { writeRoles: ["$admins"] } }));
    await expect(as("ops:changeit", (client) => client.appendToStream("secret-1", event()))).rejects.toThrow(AccessDeniedError);
    expect(await as("admin:changeit", (client) => client.appendToStream("secret-1", event()))).toMatchObject({ success: true });
  });
});
