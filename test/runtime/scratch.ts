/** Folders for one test file, removed at its end. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll } from "vitest";
import { writeSafetensors, type TensorToWrite } from "../../formats/safetensors.ts";

const roots: string[] = [];
afterAll(() => roots.forEach((r) => rmSync(r, { recursive: true, force: true })));

/** A new folder with these files; objects become JSON, lists of tensors safetensors. */
export function scratch(files: Readonly<Record<string, string | Uint8Array | object>> = {}): string {
  const root = mkdtempSync(join(tmpdir(), "adapt-test-"));
  roots.push(root);
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof content === "string" || content instanceof Uint8Array ? content : JSON.stringify(content));
  }
  return root;
}

/** A safetensors file of f32 tensors that count 0, 1, 2, ... */
export function counting(shapes: Readonly<Record<string, readonly number[]>>, dtype: TensorToWrite["dtype"] = "f32"): Uint8Array {
  return writeSafetensors(
    Object.entries(shapes).map(([name, shape]) => ({ name, dtype, shape, data: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i) })),
    { format: "pt" },
  );
}
