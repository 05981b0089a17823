/** A syntax tree without what formatting may change: places, and the order of imports. */
import type * as ast from "../../compiler/syntax/ast.ts";

export function meaning(file: ast.File): unknown {
  const imports = file.imports
    .map((one) => ({ from: one.from.value, names: one.names.map(({ name, as }) => `${name.text} ${as?.text ?? ""}`).sort() }))
    .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  const rest = { ...file, imports: [] };
  const plain: unknown = JSON.parse(JSON.stringify(rest, (key, value: unknown) => (key === "span" ? undefined : value)));
  return { imports, plain };
}
