/** Memory and threads of the cpu device: blocks never overlap, running out is an error with a code, workers end. */
import { spawnSync } from "node:child_process";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Heap } from "../../runtime/cpu/heap.ts";

test("blocks do not overlap and freed memory is used again", () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 300000 }), fc.boolean()), { maxLength: 60 }), (steps) => {
    const heap = new Heap(false);
    const live = new Map<number, number>();
    for (const [bytes, drop] of steps) {
      const at = heap.allocate(bytes, "a block");
      expect(at % 64).toBe(0);
      for (const [other, size] of live) expect(at + bytes <= other || other + size <= at).toBe(true);
      heap.f32(at, bytes >> 2).fill(1);
      live.set(at, bytes);
      const [first] = live.keys();
      if (drop && first !== undefined) {
        heap.free(first);
        live.delete(first);
      }
    }
    for (const at of live.keys()) heap.free(at);
    const size = heap.memory.buffer.byteLength;
    heap.allocate(size - 2048, "everything");
    expect(heap.memory.buffer.byteLength).toBe(size);
  }), { numRuns: 30 });
});

test("more than the address space is out of memory, with the bytes", () => {
  const heap = new Heap(false);
  expect(() => heap.allocate(5e9, "the weights of the model")).toThrow(/A0703[\s\S]*the weights of the model \(4\.66 GiB\)/);
  expect(() => heap.free(12345)).toThrow(RangeError);
  expect(heap.allocate(64, "little")).toBeGreaterThan(0);
});

test.each([["disposed", "device.dispose();"], ["left alone", ""]])("a process ends by itself, the device %s", (_, end) => {
  const node = new URL("../../runtime/cpu/node-cpu.ts", import.meta.url).href;
  const script = `import { nodeCpu } from ${JSON.stringify(node)}; const device = await nodeCpu({ threads: 3 }); console.log(device.info.threads); ${end}`;
  const run = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], { encoding: "utf8", timeout: 60000 });
  expect([run.status, run.stdout.trim(), run.stderr]).toEqual([0, "3", ""]);
}, 60000);
