/** The cpu device in Node: workers of `node:worker_threads`, one thread a core by default. */
import { availableParallelism, cpus } from "node:os";
import { Worker as NodeWorker } from "node:worker_threads";
import type { Device } from "../device.ts";
import { workerText } from "./control.ts";
import { openCpu } from "./device.ts";
import type { Worker } from "./pool.ts";

const prelude = `
const { parentPort } = require("node:worker_threads");
const port = {
  set onmessage(f) { parentPort.on("message", (data) => f({ data })); },
  postMessage: (m) => parentPort.postMessage(m),
};
`;

/** The threads of this process: how workers are made, and how many there are by default. */
export function nodeThreads(threads = availableParallelism()): { readonly threads: number; readonly maySleep: true; readonly spawn: () => Worker } {
  return { threads, maySleep: true, spawn };
}

export async function nodeCpu(options: { readonly threads?: number } = {}): Promise<Device> {
  const name = cpus()[0]?.model.trim() || "processor";
  return openCpu({ name, ...nodeThreads(options.threads) });
}

function spawn(): Worker {
  const worker = new NodeWorker(prelude + workerText, { eval: true, execArgv: [] });
  worker.unref();
  return {
    post: (m) => worker.postMessage(m),
    answer: () =>
      new Promise((resolve, reject) => {
        const settle = (then: () => void): void => {
          worker.off("message", onMessage).off("error", onError).off("exit", onExit);
          worker.unref();
          then();
        };
        const onMessage = (m: unknown): void => settle(() => resolve(m));
        const onError = (e: Error): void => settle(() => reject(e));
        const onExit = (code: number): void => settle(() => reject(new Error(`a worker ended with code ${code}`)));
        worker.ref();
        worker.once("message", onMessage).once("error", onError).once("exit", onExit);
      }),
    terminate: () => void worker.terminate(),
  };
}
