import type { ProvidedContext } from "vitest";
import { give, run } from "./vitest.js";

/**
 * The worker that runs tests: a request carries what is provided to them, the answer is a line of JSON for each outcome.
 *
 * @param load Loads the test files. Not before a request: a worker may do nothing outside of one.
 */
export function testWorker(load: () => Promise<unknown>): { fetch(request: Request): Promise<Response> } {
  return {
    async fetch(request) {
      give((await request.json()) as Partial<ProvidedContext>);
      await load();
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
      const writer = writable.getWriter();
      const encoder = new TextEncoder();
      const ended = run((outcome) => writer.write(encoder.encode(`${JSON.stringify(outcome)}\n`))).then(() => writer.close());
      ended.catch((error: unknown) => writer.abort(error));
      return new Response(readable);
    },
  };
}
