/** Compiles a spec once for cpu and webgpu in a fresh process and prints the milliseconds, imports aside. */
import { compile } from "../compiler/index.ts";
import { nodeHost } from "../runtime/node-host.ts";

const start = performance.now();
const { value, diagnostics } = await compile(process.argv[2]!, nodeHost(), { targets: ["cpu", "webgpu"], adapters: "side", models: ["tuned"] });
if (!value) throw new Error(diagnostics.map((d) => d.title).join("; "));
console.log(performance.now() - start);
