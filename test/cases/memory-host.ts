/**
 * A host for tests: sources from memory (and the standard library), checkpoints given as JSON.
 *
 * CHECKPOINTS is an object of directories by path:
 *
 *     { "./smol": { "json": { "config.json": { ... } }, "tensors": { "lm_head.weight": ["F32", [8, 4]] } },
 *       "./none": { "problem": "not_found", "detail": "..." } }
 *
 * `layers.{0..2}.mlp` in the name of a tensor stands for `layers.0.mlp` and `layers.1.mlp`.
 */
import type { CheckpointHeader, CheckpointProblem, Host, TensorHeader } from "../../formats/checkpoint.ts";

interface GivenCheckpoint {
  readonly json?: Readonly<Record<string, unknown>>;
  readonly tensors?: Readonly<Record<string, readonly [string, readonly number[]]>>;
  readonly listing?: readonly string[];
  readonly problem?: CheckpointProblem["problem"];
  readonly detail?: string;
  readonly file?: string;
  readonly tensor?: string;
}

const bytes: Readonly<Record<string, number>> = { f64: 8, i64: 8, f32: 4, i32: 4, u32: 4, f16: 2, bf16: 2, i16: 2, u16: 2, i8: 1, u8: 1, bool: 1 };

export function memoryHost(
  files: readonly { readonly name: string; readonly text: string }[], checkpoints: string | undefined,
  readStandard: (path: string) => string | undefined,
): Host {
  const given = JSON.parse(checkpoints ?? "{}") as Readonly<Record<string, GivenCheckpoint>>;
  const byPath = new Map(Object.entries(given).map(([path, value]) => [plainPath(path), value]));
  return {
    readText: async (path) => files.find((file) => file.name === plainPath(path))?.text ?? readStandard(path),
    resolve: (from, spec) => (spec.startsWith(".") ? plainPath(`${from.replace(/[^/]*$/, "")}${spec}`) : spec),
    openCheckpoint: async (path) => {
      const found = byPath.get(plainPath(path));
      if (!found) return { problem: "not_found", path, detail: `There is no \`${path}\` in this case.` };
      return found.problem === undefined ? header(path, found) : { ...found, problem: found.problem, path, detail: found.detail ?? "" };
    },
  };
}

function header(path: string, given: GivenCheckpoint): CheckpointHeader {
  const file = given.json && "adapter_config.json" in given.json ? "adapter_model.safetensors" : "model.safetensors";
  const tensors = new Map<string, TensorHeader>();
  let begin = 0;
  const entries = Object.entries(given.tensors ?? {}).flatMap(([name, tensor]) => expand(name).map((one) => [one, tensor] as const));
  for (const [name, [kind, shape]] of entries) {
    const dtype = kind.toLowerCase();
    const end = begin + shape.reduce((a, b) => a * b, bytes[dtype] ?? 1);
    tensors.set(name, { name, dtype: dtype as TensorHeader["dtype"], shape, file, begin, end });
    begin = end;
  }
  return {
    path, location: path, json: given.json ?? {}, tensors, files: [{ file, size: begin, headerHash: "0".repeat(64) }],
    listing: given.listing ?? [...Object.keys(given.json ?? {}), file],
  };
}

/** Names for a pattern with `{from..to}`, the end left out. */
function expand(name: string): readonly string[] {
  const range = /\{(\d+)\.\.(\d+)\}/.exec(name);
  if (!range) return [name];
  const from = Number(range[1]);
  return Array.from({ length: Number(range[2]) - from }, (_, i) => name.replace(range[0], String(from + i)));
}

/** `./a/../b` -> `b` */
function plainPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
  }
  return parts.join("/");
}
