/** Arithmetic on dims that takes plain numbers too. */
import * as dim from "../../ir/dim.ts";

export type { Dim } from "../../ir/dim.ts";

export const dims = {
  mul: (a: dim.Dim, b: dim.Dim | number): dim.Dim => dim.mul(a, dim.toDim(b)),
  sub: (a: dim.Dim, b: dim.Dim | number): dim.Dim => dim.sub(a, dim.toDim(b)),
};
