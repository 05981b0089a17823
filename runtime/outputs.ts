/** What a run gives back: arrays of the caller's own, new ones or those of an earlier run. */
import type { Data, Tensor } from "./device.ts";

/**
 * A tensor with a copy of `values`. The array of `into` is written anew where it has the same type and length: memory that
 * is asked for on every run costs more than the copy, since the system hands it out in pages of zeros.
 */
export function ownTensor(dtype: Tensor["dtype"], shape: readonly number[], values: Data, into?: Tensor): Tensor {
  const kept = into?.data;
  if (kept === undefined || kept.length !== values.length || kept instanceof Int32Array !== values instanceof Int32Array)
    return { dtype, shape, data: values.slice() };
  kept.set(values);
  return { dtype, shape, data: kept };
}

/** Whether values of a type are kept in an `Int32Array`. */
export const isIntegral = (dtype: Tensor["dtype"]): boolean => dtype === "i32" || dtype === "bool";
