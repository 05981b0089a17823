/**
 * What the threads of the cpu device share beside a model's memory: one array of words.
 *
 * The main thread is thread 0. It writes a run (where the list of steps lies, how many) and raises `generation`; every thread
 * walks the same list and meets the others after each step at `arrived`, a counter that only grows.
 */
export const word = {
  generation: 0, command: 1, model: 2, list: 3, steps: 4, base: 5, arrived: 6, sleepers: 7, threads: 8, failed: 9,
  dims: 10, scratch: 11, scratchBytes: 12,
} as const;
export const words = 16;

/** `run` walks the list; `listen` goes back to the event loop, where a message waits. */
export const command = { run: 1, listen: 2 } as const;

/** How long a thread spins before it sleeps, in microseconds. */
export const spinMicroseconds = 50;

/** Waits until all threads have arrived `target` times in all. `maySleep` is false on a browser's main thread. */
export function meet(c: Int32Array, target: number, maySleep: boolean): void {
  const now = (Atomics.add(c, word.arrived, 1) + 1) | 0;
  if (now === target) {
    if (Atomics.load(c, word.sleepers) > 0) Atomics.notify(c, word.arrived);
    return;
  }
  let deadline = 0;
  for (let i = 1; ((Atomics.load(c, word.arrived) - target) | 0) < 0; i++) {
    if (i % 256 !== 0 || !maySleep) continue;
    const t = performance.now();
    if (deadline === 0) deadline = t + spinMicroseconds / 1000;
    else if (t > deadline) {
      Atomics.add(c, word.sleepers, 1);
      const seen = Atomics.load(c, word.arrived);
      if (((seen - target) | 0) < 0) Atomics.wait(c, word.arrived, seen);
      Atomics.sub(c, word.sleepers, 1);
    }
  }
}

/**
 * The program of a worker, as text: it runs from a string in Node and from a blob in browsers, so one bundle holds it. `port`
 * has `onmessage` and `postMessage`. Messages are `{ start }` (the shared words and this thread's index), `{ load }` (a
 * model's module and memory) and `{ drop }`; each is answered with `"done"` or an error's text.
 */
export const workerText = `
const w = ${JSON.stringify(word)};
const models = new Map();
let c, thread = 0, seen = 0;
function meet(target) {
  const now = (Atomics.add(c, w.arrived, 1) + 1) | 0;
  if (now === target) {
    if (Atomics.load(c, w.sleepers) > 0) Atomics.notify(c, w.arrived);
    return;
  }
  let deadline = 0;
  for (let i = 1; ((Atomics.load(c, w.arrived) - target) | 0) < 0; i++) {
    if (i % 256 !== 0) continue;
    const t = performance.now();
    if (deadline === 0) deadline = t + ${spinMicroseconds / 1000};
    else if (t > deadline) {
      Atomics.add(c, w.sleepers, 1);
      const at = Atomics.load(c, w.arrived);
      if (((at - target) | 0) < 0) Atomics.wait(c, w.arrived, at);
      Atomics.sub(c, w.sleepers, 1);
    }
  }
}
function walk() {
  const { memory, functions } = models.get(c[w.model]);
  const steps = c[w.steps], threads = c[w.threads], base = c[w.base], dims = c[w.dims];
  const list = new Int32Array(memory.buffer, c[w.list] >>> 0, steps * 2);
  const scratch = (c[w.scratch] + thread * c[w.scratchBytes]) | 0;
  for (let i = 0; i < steps; i++) {
    try {
      functions[list[2 * i]](thread, threads, dims, list[2 * i + 1], scratch);
    } catch {
      Atomics.store(c, w.failed, 1);
    }
    meet((base + threads * (i + 1)) | 0);
  }
}
function serve() {
  for (;;) {
    let deadline = 0;
    for (let i = 1; Atomics.load(c, w.generation) === seen; i++) {
      if (i % 256 !== 0) continue;
      const t = performance.now();
      if (deadline === 0) deadline = t + ${spinMicroseconds / 1000};
      else if (t > deadline) Atomics.wait(c, w.generation, seen);
    }
    seen = Atomics.load(c, w.generation);
    if (c[w.command] !== ${command.run}) return;
    walk();
  }
}
port.onmessage = ({ data }) => {
  try {
    if (data.start) {
      c = data.start.words;
      thread = data.start.thread;
      seen = Atomics.load(c, w.generation);
    }
    if (data.load) {
      const { model, module, memory, names } = data.load;
      const { exports } = new WebAssembly.Instance(module, { env: { memory } });
      models.set(model, { memory, functions: names.map((n) => exports[n]) });
    }
    if (data.drop !== undefined) models.delete(data.drop);
    port.postMessage("done");
  } catch (error) {
    port.postMessage(String(error));
  }
  if (c) serve();
};
`;
