/**
 * What `--only` takes, in the order of the table. Each gives one or more rows within a minute by itself.
 *
 * `peers`: needs the peers installed. A row's module is loaded when it is measured, since most import peers.
 */
export const ROWS = {
  "read-batch": { peers: true, measure: async () => (await import("./read-node.mjs")).readData("batch") },
  "read-batch-all": { peers: true, measure: async () => (await import("./read-node.mjs")).readAll("batch") },
  "read-events": { peers: true, measure: async () => (await import("./read-node.mjs")).readEvents },
  "read-single": { peers: true, measure: async () => (await import("./read-node.mjs")).readData("single") },
  "read-single-all": { peers: true, measure: async () => (await import("./read-node.mjs")).readAll("single") },
  "chromium-batch": { peers: true, measure: async () => (await import("./read-chromium.mjs")).readChromium("batch", "data") },
  "chromium-batch-all": { peers: true, measure: async () => (await import("./read-chromium.mjs")).readChromium("batch", "all") },
  "chromium-single": { peers: true, measure: async () => (await import("./read-chromium.mjs")).readChromium("single", "data") },
  "chromium-single-all": { peers: true, measure: async () => (await import("./read-chromium.mjs")).readChromium("single", "all") },
  "chromium-grpc-web-batch": { peers: true, measure: async () => (await import("./read-chromium.mjs")).againstGrpcWeb("batch") },
  "chromium-grpc-web-single": { peers: true, measure: async () => (await import("./read-chromium.mjs")).againstGrpcWeb("single") },
  ...http2Rows(),
  "read-gateway": { peers: true, measure: async () => (await import("./read-gateway.mjs")).readGateway },
  "bridge-cpu": { peers: false, measure: async () => (await import("./bridge-cpu.mjs")).bridgeCpu },
  "bridge-throughput": { peers: false, measure: async () => (await import("./bridge-throughput.mjs")).bridgeThroughput },
  unary: { peers: false, measure: async () => (await import("./unary.mjs")).unary },
  "unary-umadb": { peers: false, measure: async () => (await import("./unary.mjs")).unaryUmaDb },
  replay: { peers: true, measure: async () => (await import("./replay.mjs")).replay },
  "fan-out": { peers: true, measure: async () => (await import("./fan-out.mjs")).fanOut },
  "idle-fetch": { peers: false, measure: async () => (await import("./idle.mjs")).idle("fetch") },
  "idle-tunnel": { peers: false, measure: async () => (await import("./idle.mjs")).idle("tunnel") },
  memory: { peers: true, measure: async () => (await import("./memory.mjs")).memory },
  million: { peers: true, measure: async () => (await import("./million.mjs")).million },
  "bundle-size": { peers: true, measure: async () => (await import("./bundle-size.mjs")).bundleSize },
};

function http2Rows() {
  const peers = { "grpc-js-google": "grpc-js with google-protobuf", "grpc-js-protobufjs": "grpc-js with protobufjs", "connect-node": "connect-node" };
  const rows = {};
  for (const shape of ["batch", "single"]) {
    for (const [module, title] of Object.entries(peers)) {
      rows[`http2-${module}-${shape}`] = { peers: true, measure: async () => (await import("./read-http2.mjs")).readHttp2(module, title, shape) };
    }
    rows[`http2-fetch-${shape}`] = { peers: false, measure: async () => (await import("./read-http2.mjs")).http2AgainstFetch(shape) };
  }
  return rows;
}
