/** The ports of every module of a base and the shapes of their values, from one run of its forward rules. */
import type { Node } from "../../ir/graph.ts";
import { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { ModulePorts, PortFacts } from "../check/ports.ts";
import type { Base, ModuleInstance, Value } from "../check/values.ts";
import { elaborateModel } from "./model.ts";
import { resultNames } from "./settled.ts";

export interface BasePorts {
  readonly of: ReadonlyMap<ModuleInstance, ModulePorts>;
  /** Every node of the run, operands before what reads them. */
  readonly nodes: readonly Node[];
}

/** Runs a base without adapters and watches its ports. */
export function basePorts(base: Base): BasePorts {
  const of = new Map<ModuleInstance, Map<string, PortFacts>>();
  let nodes: readonly Node[] = [];
  const see = (module: ModuleInstance, port: string, value: Value | undefined, parts: readonly string[] = []): void => {
    const values = value?.kind === "list" ? value.items : value ? [value] : [];
    const tensors = values.flatMap((v) => (v.kind === "tensor" ? [v] : []));
    if (tensors.length === 0 || tensors.length !== values.length) return;
    if (!of.has(module)) of.set(module, new Map());
    const before = of.get(module)!.get(port);
    of.get(module)!.set(port, {
      shapes: before?.shapes ?? tensors.map((t) => t.dims), parts, writable: tensors.every((t) => t.dtype === "f32"),
      nodes: [...(before?.nodes ?? []), ...tensors.map((t) => t.node)],
    });
  };
  const none = { kind: "none" as const, span: base.because };
  elaborateModel({ kind: "adapted", base, adapters: none, span: base.because }, new Diagnostics(), ({ builder }) => {
    nodes = builder.nodes;
    return {
      call: (module, args, forward) => {
        see(module, "input", args[0]);
        const value = forward(args);
        const names = resultNames(module);
        if (value.kind === "list") names.forEach((name, i) => see(module, name, value.items[i]));
        else see(module, "output", value);
        return value;
      },
      port: (module, name, value, parts) => {
        see(module, name, value, parts);
        return value;
      },
    };
  });
  return { of, nodes };
}
