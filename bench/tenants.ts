/** Many adapters resident over one base on the cpu: eight of them in a batch of eight, and changing which one acts. */
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { open } from "../index.ts";
import { inTurns, report, speedup } from "./compare.ts";
import { adapterBytes, makeTenants, shape, tenants } from "./make-llama.ts";

const tokens = 16;
const prompts = (rows: number) => ({ input_ids: { dtype: "i32" as const, shape: [rows, 8], data: Int32Array.from({ length: 8 * rows }, (_, i) => 100 + i) } });

/** Decoding a batch of eight rows, each with an adapter of its own, beside the base alone at the same batch. */
export async function mixed(): Promise<void> {
  const threads = availableParallelism(), spec = makeTenants();
  const plain = await open(spec, { device: "cpu", model: "plain", threads });
  const eight = await open(spec, { device: "cpu", model: "mixed", threads });
  const rows = prompts(tenants.length), own = { ...rows, tenant: tenants };
  // A turn is 8 x 8 rows in and n steps; the difference of two lengths is n steps alone.
  const [long, short, baseLong, baseShort] = await inTurns([
    { name: "mixed", run: async () => void (await eight.greedy(own, tokens + 1)) },
    { name: "mixed prompt", run: async () => void (await eight.greedy(own, 1)) },
    { name: "plain", run: async () => void (await plain.greedy(rows, tokens + 1)) },
    { name: "plain prompt", run: async () => void (await plain.greedy(rows, 1)) },
  ], { rounds: 9, turn: 1 });
  const steps = (a: typeof long, b: typeof long) => {
    const rounds = a!.rounds.map((t, i) => (t - b!.rounds[i]!) / tokens);
    return { name: a!.name, rounds, median: [...rounds].sort((x, y) => x - y)[rounds.length >> 1]!, best: Math.min(...rounds) };
  };
  const ours = steps(long, short), base = steps(baseLong, baseShort);
  const bytes = plain.weightBytes - 4 * shape.vocabulary * shape.hidden, extra = tenants.length * adapterBytes;
  const ratio = 1 / speedup(ours, base);
  console.log(`eight rank-${shape.rank} adapters on seven linears, a batch of eight: ${(extra / 1e6).toFixed(1)} MB beside ${(bytes / 1e6).toFixed(0)} MB a step`);
  report("decode, eight adapters in a batch", ["mixed", ours.median], ["base", base.median], "ms/step", { atMost: 1.45 }, ratio);
  console.log(`overhead ${(100 * (ratio - 1)).toFixed(0)} %; the byte floor is ${((100 * extra) / bytes).toFixed(0)} %, the goal 45 % at first and 30 % then`);
  eight.dispose();
  plain.dispose();
}

/**
 * What it costs that a call uses another resident adapter than the one before: the switch itself, where all weights stay in the
 * processor's caches; and what a call then takes longer on the 88 M Llama, where the other adapter's weights come from memory.
 */
export async function switching(): Promise<void> {
  const [own, cached] = await pairs(smallSpec(), ["one", "two"], 4000);
  console.log(`one token of a network that stays in cache, lower quartiles of 4000 calls each: ${own.toFixed(4)} ms after another adapter, ${cached.toFixed(4)} ms after the same`);
  report("switching a resident adapter", ["cost", Math.max(0, own - cached)], ["limit", 0.1], "ms", { atMost: 1 });
  const [other, same] = await pairs(makeTenants(), tenants, 200);
  console.log(`one token of the 88 M Llama: ${other.toFixed(2)} ms after another adapter, ${same.toFixed(2)} ms after the same; ${(adapterBytes / 1e6).toFixed(1)} MB of adapter come from memory`);
}

/** Lower quartiles of single-token calls in ms, after a call with another adapter and after one with the same. */
async function pairs(spec: string, names: readonly string[], count: number): Promise<readonly [number, number]> {
  // One thread: threads that wait for each other would measure the machine's other work.
  const session = await open(spec, { device: "cpu", model: "mixed", threads: 1 });
  const input_ids = { dtype: "i32" as const, shape: [1, 1], data: Int32Array.from([100]) };
  const call = async (tenant: string): Promise<number> => {
    const start = performance.now();
    await session.run({ input_ids, tenant }, { outputs: ["logits"] });
    return performance.now() - start;
  };
  const nameOf = (i: number): string => names[i % names.length]!;
  for (let i = 0; i < 32; i++) await call(nameOf(i));
  // Of two calls in a row with one adapter the first has another one than the call before it.
  const first: number[] = [], second: number[] = [];
  for (let i = 0; i < count; i++) {
    first.push(await call(nameOf(i)));
    second.push(await call(nameOf(i)));
  }
  session.dispose();
  // What else the machine does only adds to a call, so the lower quarter tells them apart better than the middle.
  const quarter = (list: readonly number[]): number => [...list].sort((x, y) => x - y)[list.length >> 2]!;
  return [quarter(first), quarter(second)];
}

/** Two adapters of the golden cases on their base. */
function smallSpec(): string {
  const golden = join(import.meta.dirname, "../test/fixtures/golden"), spec = join(import.meta.dirname, "../.cache/small-tenants.adapt");
  mkdirSync(dirname(spec), { recursive: true });
  const adapters = ["one", "two"].map((n) => `adapter ${n} = pretrained("${golden}/peft/weighted-linear/adapters/${n}") on llama`);
  writeFileSync(spec, ["edition 2026", "", `base llama = pretrained("${golden}/bases/llama")`, ...adapters, "input tenant: String", "",
    'export model mixed = llama with switch request.tenant { "one" => one, "two" => two, _ => none }', ""].join("\n"));
  return spec;
}
