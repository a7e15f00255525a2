// The floor of a GET: a bare node:http server that answers every request with the body it was given on stdin.
// It prints its port.

import { createServer } from "node:http";

const parts = [];
for await (const part of process.stdin) parts.push(part);
const body = Buffer.concat(parts);
const server = createServer((_request, response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
