/** Schedule to Program: every region's kernels, equal ones merged by text, buffers by memory key, steps with their variants. */
import type { Node, NodeId } from "../../../ir/graph.ts";
import { isState } from "../../../ir/ops.ts";
import type { PlanBuffer, PlanKernel, Program, Step, StepVariant } from "../../../runtime/plan.ts";
import type { DotGroup, Region, RegionOf, Schedule } from "../../passes/regions.ts";
import { regionKey } from "../region-key.ts";
import { printWgsl } from "../wgsl.ts";
import type { Kernel } from "../kernel-ir.ts";
import { attentionKernels, attentionRows } from "./attention.ts";
import { dotShape, splitGroups } from "./dot.ts";
import { gemmKernel, gemmMembers } from "./gemm.ts";
import { gemvKernel, gemvRows } from "./gemv.ts";
import { mapKernel } from "./map.ts";
import { MemoryMap } from "./memory-map.ts";
import { programDims, type Variant } from "./region-kernel.ts";
import { rowKernel } from "./row.ts";

/** Storage buffers that any WebGPU implementation binds at once. */
const bindingLimit = 8;
/** Workgroup memory that any WebGPU implementation has, in bytes. */
const sharedLimit = 16384;

interface Launch { readonly label: string; readonly variants: readonly Variant[] }

/** Makes the program of the `webgpu` device. Kernels with `requires: ["subgroups"]` stand before their plain forms. */
export function gpuProgram(schedule: Schedule, options: { readonly weights?: "f32" | "f16" } = {}): Program {
  const complete = withCopies(schedule);
  const map = new MemoryMap(complete, options.weights);
  const known = new Map<string, Lowered>();
  return assemble(map, complete.regions.flatMap((r) => lowerOnce(map, r, known)));
}

interface Lowered { readonly launches: readonly Launch[]; readonly places: readonly string[] }

/** A region's launches, from an equal region where there was one: the same kernels over other buffers. */
function lowerOnce(map: MemoryMap, region: Region, known: Map<string, Lowered>): readonly Launch[] {
  const key = regionKey(map.placesOf(region), map.nodes, region);
  const before = known.get(key.text);
  if (!before) {
    const launches = lower(map, region);
    known.set(key.text, { launches, places: key.places });
    return launches;
  }
  const moved = (place: string): string => {
    const at = before.places.indexOf(place);
    if (at < 0) throw new RangeError(`a kernel reads ${place}, which the key of its region does not name`);
    return key.places[at]!;
  };
  return before.launches.map((l) => ({ label: labelOf(map, region), variants: l.variants.map((v) => ({ ...v, keys: v.keys.map(moved) })) }));
}

/** Graph outputs that no region computes (an input, a weight, a state) are copied by a region of their own. */
function withCopies(schedule: Schedule): Schedule {
  const nodes: Node[] = [...schedule.graph.nodes];
  const made = new Set(schedule.regions.flatMap((r) => r.outputs));
  const regions: Region[] = [...schedule.regions];
  const outputs = schedule.graph.outputs.map((o) => {
    const node = nodes[o.node]!;
    if (made.has(o.node) && !isState(node)) return o;
    const copy = { id: nodes.length, inputs: [o.node], type: node.type, op: "reshape" } as Node;
    nodes.push(copy);
    regions.push({ id: 1 + Math.max(-1, ...regions.map((r) => r.id)), kind: "map", nodes: [copy.id], outputs: [copy.id] });
    return { name: o.name, node: copy.id };
  });
  return { ...schedule, graph: { ...schedule.graph, nodes, outputs }, regions };
}

function lower(map: MemoryMap, region: Region): Launch[] {
  switch (region.kind) {
    case "map": return mapLaunches(map, region);
    case "row": {
      const [fast, plain] = [fit(() => rowKernel(map, region, true)), fit(() => rowKernel(map, region, false))];
      return fast && plain ? [{ label: labelOf(map, region), variants: [fast, plain] }] : mapLaunches(map, region);
    }
    case "attention": {
      const kernels = attentionKernels(map, region);
      if (!kernels || Object.values(kernels).some((v) => !fits(v))) return mapLaunches(map, region);
      const few = { dim: attentionRows(map, region), atMost: 4 };
      return [{ label: labelOf(map, region), variants: [{ ...kernels.fast, when: few }, { ...kernels.plain, when: few }, kernels.many] }];
    }
    case "dot": return splitGroups(map, region).flatMap((groups) => dotLaunch(map, region, groups));
  }
}

/** A map whose outputs need more buffers than can be bound is split. */
function mapLaunches(map: MemoryMap, region: Region, outputs: readonly NodeId[] = region.outputs): Launch[] {
  const v = mapKernel(map, region, outputs);
  if (fits(v)) return [{ label: labelOf(map, region), variants: [v] }];
  if (outputs.length < 2)
    throw new RangeError(`a kernel of ${labelOf(map, region)} binds ${v.keys.length} buffers, more than ${bindingLimit}`);
  const half = Math.ceil(outputs.length / 2);
  return [...mapLaunches(map, region, outputs.slice(0, half)), ...mapLaunches(map, region, outputs.slice(half))];
}

function dotLaunch(map: MemoryMap, region: RegionOf<"dot">, groups: readonly DotGroup[]): Launch[] {
  const shape = dotShape(map, region, groups);
  const outputs = groups.flatMap((g) => g.outputs);
  if (!shape) return mapLaunches(map, { ...region, outputs }, outputs);
  const few = { dim: shape.rows, atMost: gemvRows };
  const forms = [gemvKernel(map, region, shape, true), gemvKernel(map, region, shape, false)];
  const many = shape.members <= gemmMembers ? gemmKernel(map, region, shape) : undefined;
  if ([...forms, ...(many ? [many] : [])].some((v) => !fits(v))) {
    if (groups.length === 1) return mapLaunches(map, { ...region, outputs }, outputs);
    const half = Math.ceil(groups.length / 2);
    return [...dotLaunch(map, region, groups.slice(0, half)), ...dotLaunch(map, region, groups.slice(half))];
  }
  const variants = many ? [...forms.map((v) => ({ ...v, when: few })), many] : forms;
  return [{ label: labelOf(map, region), variants }];
}

function fits(v: Variant): boolean {
  const shared = v.kernel.shared.reduce((n, s) => n + 4 * s.size, 0);
  return v.keys.length <= bindingLimit && shared <= sharedLimit;
}

function fit(make: () => Variant | undefined): Variant | undefined {
  const v = make();
  return v && fits(v) ? v : undefined;
}

function labelOf(map: MemoryMap, region: Region): string {
  const modules = region.nodes.map((id) => map.nodes.get(id)!.origin?.module).filter((m): m is string => m !== undefined);
  return `${modules[modules.length - 1] ?? "model"}: ${region.kind}`;
}

function assemble(map: MemoryMap, launches: readonly Launch[]): Program {
  const kernels: PlanKernel[] = [], byText = new Map<string, number>();
  const buffers: PlanBuffer[] = [], byKey = new Map<string, number>();
  const bufferOf = (key: string): number => {
    let i = byKey.get(key);
    if (i === undefined) {
      byKey.set(key, (i = buffers.length));
      buffers.push(describe(map, key));
    }
    return i;
  };
  const printed = new Map<Kernel, number>();
  const kernelOf = (v: Variant): number => {
    let i = printed.get(v.kernel);
    if (i !== undefined) return i;
    const code = printWgsl(v.kernel);
    i = byText.get(code);
    if (i === undefined) {
      byText.set(code, (i = kernels.length));
      kernels.push({
        name: `${v.kernel.name}${kernels.length}`, code, bindings: v.kernel.buffers.map((b) => ({ access: b.access })),
        ...requirements(v.kernel),
      });
    }
    printed.set(v.kernel, i);
    return i;
  };
  const steps: Step[] = launches.map((l) => {
    const variants: StepVariant[] = l.variants.map((v) => ({
      kernel: kernelOf(v), grid: v.grid, args: v.keys.map(bufferOf), ...(v.when ? { when: v.when } : {}),
    }));
    return { label: l.label, args: [...new Set(l.variants.flatMap((v) => v.keys.map(bufferOf)))], variants };
  });
  return { kernels, buffers, steps, dims: programDims(map) };
}

/** Features a shader enables. */
function requirements(kernel: Kernel): { readonly requires?: readonly string[] } {
  const requires = [...(kernel.subgroups ? ["subgroups"] : []), ...(kernel.buffers.some((b) => b.element === "f16") ? ["f16"] : [])];
  return requires.length > 0 ? { requires } : {};
}

function describe(map: MemoryMap, key: string): PlanBuffer {
  const weight = map.weights.get(key);
  if (weight) return { kind: "weight", parts: weight.parts, layout: "rows", dtype: weight.dtype };
  const at = key.indexOf(":"), name = key.slice(at + 1);
  switch (key.slice(0, at)) {
    case "input": return { kind: "input", name };
    case "output": return { kind: "output", name };
    case "state": return { kind: "state", name };
    default: {
      const slot = map.schedule.memory.slots[Number(name)];
      if (!slot) throw new RangeError(`no slot ${name}`);
      return { kind: "slot", sizes: slot.sizes, bytesPerElement: slot.bytesPerElement };
    }
  }
}

