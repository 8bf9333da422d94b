// The plainest proxy that Node has: what a bridge's CPU is measured by.
import { createServer, request } from "node:http";
import { serveQuestions } from "../lib/process.mjs";

const [port] = process.argv.slice(2);

const server = createServer((req, res) => {
  const up = request({ host: "127.0.0.1", port, method: req.method, path: req.url, headers: req.headers }, (answer) => {
    res.writeHead(answer.statusCode, answer.headers);
    answer.pipe(res);
  });
  req.pipe(up);
});
server.listen(0, "127.0.0.1", () => serveQuestions(() => undefined, { url: `http://127.0.0.1:${server.address().port}` }));
