/** The golden cases of the repository: folders with inputs and what an independent implementation computes for them. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { initText } from "../../compiler/index.ts";
import { decode, isFloat } from "../../formats/storage.ts";
import { isProblem, readHeader } from "../../formats/safetensors.ts";
import type { Tensor } from "../../index.ts";

export interface GoldenCase {
  /** `golden/peft/lora` */
  readonly name: string;
  readonly folder: string;
  /** The spec's text. */
  readonly spec: string;
}

const fixtures = resolve(import.meta.dirname, "../fixtures");

/** All cases, bases and adapters; the spec is what `adapt init` writes, or the one written for the case. */
export function goldenCases(): GoldenCase[] {
  return ["golden", "oracle"].flatMap((set) =>
    ["bases", "peft", "adapterhub", "systems"].flatMap((kind) => {
      const at = join(fixtures, set, kind);
      return existsSync(at) ? readdirSync(at).sort().flatMap((name) => [goldenCase(set, kind, name), ...variants(kind, name).map((v) => goldenCase(set, kind, name, v))]) : [];
    }),
  );
}

/** Further specs for a case, `<case>.<variant>.adapt`: another way to the same outputs. */
function variants(kind: string, name: string): readonly string[] {
  const at = join(import.meta.dirname, kind);
  return existsSync(at) ? readdirSync(at).filter((f) => f.startsWith(`${name}.`) && f !== `${name}.adapt`).map((f) => f.slice(name.length, -".adapt".length)) : [];
}

function goldenCase(set: string, kind: string, name: string, variant = ""): GoldenCase {
  const folder = join(fixtures, set, kind, name), bases = join(fixtures, set, "bases");
  const own = join(import.meta.dirname, kind, `${name}${variant}.adapt`);
  return { name: `${set}/${kind}/${name}${variant}`, folder, spec: existsSync(own) ? filled(own, folder, bases) : initialised(kind, folder, bases, name) };
}

const filled = (spec: string, folder: string, bases: string): string =>
  readFileSync(spec, "utf8").replaceAll("${CASE}", folder).replace(/\$\{BASES\}\/([\w.-]+)/g, (_, name: string) => baseAt(bases, name));

/** An oracle may stand on a base of the golden cases. */
const baseAt = (bases: string, name: string): string => join(existsSync(join(bases, name)) ? bases : join(fixtures, "golden/bases"), name);

function initialised(kind: string, folder: string, bases: string, name: string): string {
  if (kind === "bases") return initText(join(bases, name));
  const { base, adapters } = JSON.parse(readFileSync(join(folder, "case.json"), "utf8")) as { base: string; adapters: string[] };
  return initText(baseAt(bases, base), adapters.map((a) => ({ name: a, path: join(folder, "adapters", a) })));
}

/** Tensors of a file; whole numbers as i32. */
export function readTensors(path: string): Record<string, Tensor> {
  const bytes = new Uint8Array(readFileSync(path)), header = readHeader(bytes);
  if (isProblem(header)) throw new Error(`${path}: ${header.detail}`);
  return Object.fromEntries(header.tensors.map((t) => {
    const count = t.shape.reduce((a, b) => a * b, 1);
    const data = isFloat(t.dtype) ? new Float32Array(count) : new Int32Array(count);
    decode(t.dtype, bytes.subarray(t.begin, t.end), data);
    return [t.name, { dtype: isFloat(t.dtype) ? "f32" : "i32", shape: t.shape, data }];
  }));
}

/** `||got - want|| / ||want||`; of outputs with a row for each token, over the tokens that the mask keeps. */
export function distance(got: Tensor, want: Tensor, mask?: Tensor): number {
  const width = want.shape[want.shape.length - 1] ?? 1;
  const perToken = want.shape.length === 3 && mask?.shape[0] === want.shape[0] && mask?.shape[1] === want.shape[1];
  let away = 0, size = 0;
  for (let i = 0; i < want.data.length; i++) {
    if (perToken && mask && !((mask.data[Math.floor(i / width)] ?? 0) > 0)) continue;
    away += ((got.data[i] ?? NaN) - (want.data[i] ?? NaN)) ** 2;
    size += (want.data[i] ?? NaN) ** 2;
  }
  return Math.sqrt(away / size);
}
