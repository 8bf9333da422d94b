import { request, type ClientRequest } from "node:http";
import { ReadRequest } from "millrace/internal/gen/static/umadb/v1/umadb";
import { envelope } from "./store.js";

/** Long reads over HTTP/1.1 of which nothing but the response's head is ever read. */
export async function stallReads(url: string, count: number, localAddress: string): Promise<ClientRequest[]> {
  const body = envelope(ReadRequest.encode({ query: undefined, start: undefined, backwards: undefined, limit: undefined, subscribe: undefined, batchSize: undefined }).finish());
  return Promise.all(Array.from({ length: count }, () => stallOne(`${url}/umadb.v1.DCB/Read`, body, localAddress)));
}

function stallOne(url: string, body: Buffer, localAddress: string): Promise<ClientRequest> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/grpc-web+proto", "x-grpc-web": "1", "content-length": body.length };
    const call = request(url, { method: "POST", agent: false, localAddress, headers });
    call.on("error", reject);
    call.on("response", (response) => {
      response.on("error", () => undefined);
      response.pause();
      if (response.statusCode === 200) resolve(call);
      else reject(new Error(`HTTP ${response.statusCode}`));
    });
    call.end(body);
  });
}
