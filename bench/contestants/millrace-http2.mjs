import { http2Carrier } from "millrace/carrier/http2";
import { contestantOver } from "./millrace.mjs";

/** Native gRPC, as a Node service reads. */
export function open(url, shape) {
  const carrier = http2Carrier({ url });
  return contestantOver(() => ({ carrier: kept(carrier) }), () => carrier)(shape);
}

/** Its connection outlives the client of one round, as its peers' do. */
function kept(carrier) {
  return { call: (call) => carrier.call(call), close: async () => {} };
}
