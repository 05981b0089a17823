/** Outputs of a model that are values inside it: ports of its modules, and what methods name (`port keep = E`). */
import type { GraphBuilder } from "../../ir/build.ts";
import type { GraphOutput } from "../../ir/graph.ts";
import type { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { ModelReading } from "../check/models.ts";
import { describe, type ModuleInstance, type Value } from "../check/values.ts";

/** The values of a run by module and port. */
export interface PortValues {
  valueOf(module: ModuleInstance, port: string): Value | undefined;
  /** Names of the ports that a module has in this run. */
  namesOf(module: ModuleInstance): readonly string[];
}

/** The outputs of `port of model.modules`, `port.path` for each module, or `port` for the one; undefined after a report. */
export function readingOutputs({ port, modules }: ModelReading, values: PortValues, builder: GraphBuilder, diagnostics: Diagnostics): readonly GraphOutput[] | undefined {
  const outputs: GraphOutput[] = [];
  for (const module of modules) {
    const value = values.valueOf(module, port.text), at = port.span;
    if (value?.kind === "poison") return undefined;
    if (!value) return void diagnostics.report("A0330", { at, port: port.text, site: module.path || "the base", known: values.namesOf(module) });
    if (value.kind !== "tensor") return void diagnostics.report("A0204", { at, expected: "tensor", found: describe(value), help: "name a port with one value" });
    const node = value.dtype === "bool" ? builder.cast(value.node, "i32") : value.node;
    outputs.push({ name: modules.length > 1 ? `${port.text}.${module.key}` : port.text, node });
  }
  return outputs;
}
