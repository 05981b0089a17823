/** Kernels as the device holds them, and which of a step's variants it can run. */
import type { Program } from "../plan.ts";

export interface LoadedKernel { readonly pipeline: GPUComputePipeline; readonly layout: GPUBindGroupLayout }

/** The kernels that some step would choose: of forms that differ in what they require, the first that can run. */
export function usableKernels(program: Program, features: readonly string[]): Set<number> {
  const usable = new Set<number>();
  for (const step of program.steps)
    for (const v of usableVariants(program, step.variants, features)) usable.add(v.kernel);
  return usable;
}

export function usableVariants<V extends { readonly kernel: number; readonly when?: unknown }>(program: Program, variants: readonly V[], features: readonly string[]): V[] {
  const out: V[] = [];
  for (const v of variants) {
    const needs = program.kernels[v.kernel]?.requires ?? [];
    if (!needs.every((n) => features.includes(n))) continue;
    if (out.some((o) => JSON.stringify(o.when) === JSON.stringify(v.when))) continue;
    out.push(v);
  }
  return out;
}
