/** The width of what each module of a base yields, from one run of its forward rules: what `Hidden[D]` binds. */
import { Diagnostics } from "../diagnostics/diagnostic.ts";
import type { Base, ModuleInstance, WDim } from "../check/values.ts";
import { elaborateModel } from "./model.ts";

/** Asks for widths; the base is run at the first question. */
export function moduleWidths(base: Base): (module: ModuleInstance) => WDim | undefined {
  let widths: Map<ModuleInstance, WDim> | undefined;
  return (module) => {
    if (!widths) {
      const found = (widths = new Map<ModuleInstance, WDim>());
      elaborateModel({ base, adapters: { kind: "none", span: base.because }, span: base.because }, new Diagnostics(), (m, value) => {
        const last = value.kind === "tensor" ? value.dims.at(-1) : undefined;
        if (last) found.set(m, last);
      });
    }
    return widths.get(module);
  };
}
