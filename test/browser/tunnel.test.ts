import { inject } from "vitest";
import { autoCarrier, tunnelCarrier } from "millrace/carrier";
import { carrierSpec } from "../connect/carrier-spec.js";

carrierSpec({ name: "the tunnel, in a page", open: () => tunnelCarrier({ url: inject("echoUrl") }), requestStreams: "all" });
carrierSpec({ name: "auto, in a page", open: () => autoCarrier({ url: inject("echoUrl") }), requestStreams: "all" });
