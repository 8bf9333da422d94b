import { fetchCarrier } from "millrace/carrier";
import { contestantOver } from "./millrace.mjs";

/** gRPC-Web by `fetch`, as a page reads. */
export const open = (url, shape) => contestantOver(() => ({ url }), () => fetchCarrier({ url }))(shape);
