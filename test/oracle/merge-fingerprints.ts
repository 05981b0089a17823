/**
 * Fingerprints of what mergekit wrote: `node --import tsx test/oracle/merge-fingerprints.ts FOLDER`, where FOLDER holds a case a
 * folder, each with `mergekit.yml` and `merged.safetensors`. Writes `mergekit.yml` and `fingerprints.json` under test/fixtures/golden/merge.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { isProblem, readHeader } from "../../formats/safetensors.ts";
import { readTensors } from "../golden/cases.ts";
import { fingerprint } from "../merge/fingerprint.ts";

const from = process.argv[2]!, to = resolve(import.meta.dirname, "../fixtures/golden/merge");
for (const name of readdirSync(from)) {
  if (name === "models") continue;
  const file = join(from, name, "merged.safetensors"), header = readHeader(new Uint8Array(readFileSync(file)));
  if (isProblem(header)) throw new Error(header.detail);
  const values = readTensors(file), folder = join(to, name);
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(from, name, "mergekit.yml"), join(folder, "mergekit.yml"));
  const prints = header.tensors.map((t): [string, unknown] => [t.name, fingerprint(t.name, t.dtype, t.shape, values[t.name]!.data)]);
  writeFileSync(join(folder, "fingerprints.json"), `${JSON.stringify(Object.fromEntries(prints), (_, v: unknown) => (typeof v === "number" ? Number(v.toPrecision(9)) : v))}\n`);
}
