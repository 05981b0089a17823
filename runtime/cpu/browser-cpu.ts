/** The cpu device in browsers: Web Workers where the page is cross-origin isolated, else the one thread it has. */
import type { Device } from "../device.ts";
import { workerText } from "./control.ts";
import { openCpu } from "./device.ts";
import type { Worker as PoolWorker } from "./pool.ts";

interface WebWorker {
  onmessage: ((e: { readonly data: unknown }) => void) | null;
  onerror: ((e: unknown) => void) | null;
  postMessage(message: unknown): void;
  terminate(): void;
}
interface Host {
  readonly crossOriginIsolated?: boolean;
  readonly document?: unknown;
  readonly navigator?: { readonly hardwareConcurrency?: number };
  readonly Worker?: new (url: string) => WebWorker;
  readonly Blob?: new (parts: readonly string[], options: { readonly type: string }) => object;
}

export async function browserCpu(options: { readonly threads?: number } = {}): Promise<Device> {
  const host = globalThis as unknown as Host;
  const { Worker, Blob } = host;
  const spawn = host.crossOriginIsolated === true && Worker && Blob ? (): PoolWorker => start(Worker, Blob) : undefined;
  const threads = options.threads ?? host.navigator?.hardwareConcurrency ?? 1;
  return openCpu({ name: "WebAssembly", threads, maySleep: host.document === undefined, ...(spawn ? { spawn } : {}) });
}

function start(Worker: NonNullable<Host["Worker"]>, Blob: NonNullable<Host["Blob"]>): PoolWorker {
  const url = URL.createObjectURL(new Blob([`const port = self;\n${workerText}`], { type: "text/javascript" }) as Parameters<typeof URL.createObjectURL>[0]);
  const worker = new Worker(url);
  return {
    post: (m) => worker.postMessage(m),
    answer: () =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => (URL.revokeObjectURL(url), resolve(data));
        worker.onerror = () => reject(new Error("a worker could not be started"));
      }),
    terminate: () => worker.terminate(),
  };
}
