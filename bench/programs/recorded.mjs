// Answers every request with one recorded body.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { serveQuestions } from "../lib/process.mjs";

const [file] = process.argv.slice(2);
const body = readFileSync(file);

const server = createServer((req, res) => {
  req.resume();
  req.on("end", () => {
    res.writeHead(200, { "content-type": "application/grpc-web+proto" });
    res.end(body);
  });
});
server.listen(0, "127.0.0.1", () => serveQuestions(() => undefined, { port: server.address().port }));
