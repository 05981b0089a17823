/** A loopback server for the browser tests: files of the project, with ranges, and the headers that shared memory needs. */
import { createReadStream, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize, resolve, sep } from "node:path";

const root = resolve(import.meta.dirname, "../..");
const types: Readonly<Record<string, string>> = {
  ".html": "text/html", ".js": "text/javascript", ".json": "application/json", ".wasm": "application/wasm", ".adapt": "text/plain",
};

export interface FileServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Serves `dist`, `examples` and `test` under an address of 127.0.0.1; `/` is an empty page. */
export async function serve(): Promise<FileServer> {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname)).replace(/^[/\\]+/, "");
    const headers = {
      "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp", "Cache-Control": "no-store",
    };
    if (path === "") {
      response.writeHead(200, { ...headers, "Content-Type": "text/html" }).end("<!doctype html><title>adapt</title>");
      return;
    }
    const file = join(root, path);
    const stat = /^(dist|examples|test)[/\\]/.test(path) && file.startsWith(root + sep) ? statSync(file, { throwIfNoEntry: false }) : undefined;
    if (!stat?.isFile()) {
      response.writeHead(404, headers).end("not found");
      return;
    }
    const type = types[extname(file)] ?? "application/octet-stream";
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    const begin = range ? Number(range[1]) : 0, last = range ? Math.min(Number(range[2]), stat.size - 1) : stat.size - 1;
    if (range && begin >= stat.size) {
      response.writeHead(416, { ...headers, "Content-Range": `bytes */${stat.size}` }).end();
      return;
    }
    response.writeHead(range ? 206 : 200, {
      ...headers, "Content-Type": type, "Content-Length": last - begin + 1, "Accept-Ranges": "bytes",
      ...(range ? { "Content-Range": `bytes ${begin}-${last}/${stat.size}` } : {}),
    });
    if (request.method === "HEAD" || stat.size === 0) response.end();
    else createReadStream(file, { start: begin, end: last }).pipe(response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => closed(server) };
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((done, fail) => server.close((error) => (error ? fail(error) : done())));
}
