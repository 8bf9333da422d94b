import type { Interceptor, Transport } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { fetchCarrier, type Carrier } from "millrace/carrier";
import { connectCarrier, createTransport, DCB, Health, type TransportOptions } from "millrace/connect";
import { inject } from "vitest";
import { commands } from "vitest/browser";
import { carrierSpec } from "../connect/carrier-spec.js";
import { transportSpec } from "../connect/transport-spec.js";
import { umadbSpec } from "../spec/umadb.js";
import { EchoService } from "../support/proto/echo_pb.js";

const url = inject("echoUrl");
const byFetch = (): Carrier => fetchCarrier({ url });
const byConnectWeb = (): Carrier => connectCarrier(createGrpcWebTransport({ baseUrl: url }), [EchoService]);

carrierSpec({ name: "fetch, in a page", open: byFetch, requestStreams: "collected" });

carrierSpec({
  name: "connectCarrier on stock connect-web, in a page",
  open: byConnectWeb,
  requestStreams: "none",
  refusal: /use createGrpcTransport of @connectrpc\/connect-node/,
});

const over = (open: () => Carrier, options: TransportOptions = {}) => (interceptors?: Interceptor[]): { transport: Transport; close: () => Promise<void> } => {
  const carrier = open();
  return { transport: createTransport(carrier, { ...options, interceptors }), close: () => carrier.close() };
};

transportSpec({ name: "createTransport over fetch, in a page", open: over(byFetch), requestStreams: "client", ours: true });
transportSpec({ name: "createTransport over fetch, bidi in halves, in a page", open: over(byFetch, { duplex: "half" }), requestStreams: "half", ours: true });
transportSpec({
  name: "stock connect-web, in a page",
  open: (interceptors) => ({ transport: createGrpcWebTransport({ baseUrl: url, interceptors: interceptors ?? [] }) }),
  requestStreams: "none",
  ours: false,
});

umadbSpec({
  name: "in a page, by stock connect-web through the gateway",
  shared: () => ({ carrier: connectCarrier(createGrpcWebTransport({ baseUrl: inject("gatewayUrl") }), [DCB, Health]) }),
  async fresh() {
    const { id, gatewayUrl } = await commands.openStore();
    const carrier = connectCarrier(createGrpcWebTransport({ baseUrl: gatewayUrl }), [DCB, Health]);
    return {
      options: { carrier },
      async close() {
        await carrier.close();
        await commands.closeStore(id);
      },
    };
  },
});
