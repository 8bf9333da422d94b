// Asks for everything and throws it away; keeps it in a file when told to.
import { createWriteStream } from "node:fs";
import { request } from "node:http";
import { serveQuestions } from "../lib/process.mjs";

/** A ReadRequest without fields, in its envelope. */
const READ_ALL = Buffer.alloc(5);

function drain({ url, file }) {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/grpc-web+proto", "x-grpc-web": "1", "content-length": READ_ALL.length };
    const call = request(`${url}/umadb.v1.DCB/Read`, { method: "POST", headers, agent: false }, (response) => {
      let bytes = 0;
      response.on("data", (chunk) => (bytes += chunk.length));
      response.on("error", reject);
      response.on("end", () => resolve({ bytes }));
      if (file !== undefined) response.pipe(createWriteStream(file));
    });
    call.on("error", reject);
    call.end(READ_ALL);
  });
}

serveQuestions(drain);
