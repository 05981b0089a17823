/** Changes of maps that an adapter directory holds as two factors. */
import type { Tensor } from "../../runtime/device.ts";
import { distance } from "../golden/cases.ts";

/** How far `lora_B lora_A` of every site is from the change that is wanted there, relative to it. */
export function changesApart(adapter: Readonly<Record<string, Tensor>>, wanted: Readonly<Record<string, Tensor>>): readonly (readonly [site: string, apart: number])[] {
  return Object.entries(wanted).map(([site, want]) => {
    const a = adapter[`base_model.model.${site}.lora_A.weight`]!, b = adapter[`base_model.model.${site}.lora_B.weight`]!;
    const [rank = 0, columns = 0] = a.shape, data = new Float32Array(want.data.length);
    for (let i = 0; i * columns < data.length; i++) for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let k = 0; k < rank; k++) sum += b.data[i * rank + k]! * a.data[k * columns + j]!;
      data[i * columns + j] = sum;
    }
    return [site, distance({ ...want, data }, want)] as const;
  });
}
