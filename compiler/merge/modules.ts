/**
 * Modules of a mergekit file: which tensors belong to which. A module has the name that a part of its tensors' names has, `encoder` in
 * `model.encoder.layers.0.fc1.weight`; `shared` and `default` also have what lies in no module.
 */
import type { MergedPart, Place } from "../../formats/mergekit.ts";
import type { Span } from "../base/source.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";

const rest: ReadonlySet<string> = new Set(["shared", "default"]);

/** The names of each part's tensors, in the order of the parts; undefined after a report. */
export function moduleNames(parts: readonly MergedPart[], names: readonly string[], at: (p: Place) => Span, diagnostics: Diagnostics): readonly (readonly string[])[] | undefined {
  const [only] = parts;
  if (parts.length === 1 && !only?.module) return [names];
  const listed = parts.map((p) => p.module!.value), remaining = listed.find((m) => rest.has(m));
  const homeOf = (name: string): string | undefined => name.split(".").find((part) => listed.includes(part)) ?? remaining;
  const found = listed.map((m) => names.filter((n) => homeOf(n) === m));
  const empty = parts[found.findIndex((f) => f.length === 0)], left = names.filter((n) => homeOf(n) === undefined);
  const known = [...new Set(names.flatMap((n) => n.split(".").slice(0, -1).filter((part) => !/^\d+$/.test(part)).slice(0, 2)))].filter((part) => part !== "weight");
  if (empty) {
    diagnostics.report("A0516", {
      at: at(empty.module!.at), label: "is no module here", body: `No tensor's name has the part \`${empty.module!.value}\`.`,
      help: `a module is a part of tensors' names, here one of ${known.map((k) => `\`${k}\``).join(", ")}; a model without modules is merged by \`models\` or \`slices\``,
    });
    return undefined;
  }
  if (left.length > 0) {
    diagnostics.report("A0516", {
      at: at(only!.module!.at), label: "are not all modules", body: `${left.length === 1 ? "A tensor lies" : `${left.length} tensors lie`} in no module of the file, such as \`${left[0]!}\`. mergekit writes a checkpoint without them.`,
      help: "name the other modules too; `shared` has what lies in no other",
    });
    return undefined;
  }
  return found;
}
