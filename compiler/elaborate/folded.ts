/**
 * An adapter in the parameters of the module it acts on: what its tensors have to be for the base alone to do the same.
 *
 * Changes of a linear map and of its bias go into its weight and bias; a map of its input `x -> M x + c` makes `W M` and `b + W c`
 * of them; methods that set stored parameters, and tensors that replace others, give those.
 */
import type { GraphBuilder } from "../../ir/build.ts";
import { constantOf } from "../../ir/dim.ts";
import type { NodeId } from "../../ir/graph.ts";
import { classOf } from "../../ir/ops.ts";
import type { Span } from "../base/source.ts";
import { bindsParams, isTable, linearDims } from "../check/method-binding.ts";
import type { PlacedSite } from "../check/method-sites.ts";
import type { PlacedAdapter } from "../check/placement.ts";
import { inferProperties, type MethodProperties } from "../check/properties.ts";
import type { ModuleInstance, ParamInstance, TensorVal } from "../check/values.ts";
import type { Overrides } from "./adapters.ts";
import { total } from "./combination.ts";
import { composeAt, stateAt } from "./composer.ts";
import { sitesAt, type BodyEvaluator } from "./compose.ts";

export interface FoldContext {
  readonly evaluator: BodyEvaluator;
  paramTensor(p: ParamInstance): TensorVal;
  /** The logical weight `[O, I]` and bias with other tensors for some parameters. */
  mapOf(overrides: Overrides | undefined): { readonly weight: NodeId; readonly bias?: NodeId } | undefined;
  /** Is the weight stored as `[I, O]`? */
  readonly inputFirst: boolean;
  /** Tensors of the adapter that replace parameters here. */
  readonly overrides: Overrides | undefined;
  /** Another tensor for parameters by their names, as `overrides` has them. */
  changed(params: ReadonlyMap<string, TensorVal>): Overrides;
}

/** Where an adapter is no change of tensors, and why: by an equation, or in words that follow "The adapter". */
export interface NotFolded { readonly because: Span; readonly why: string; readonly equation?: string }

const factsOf = (site: PlacedSite): MethodProperties => inferProperties(site.method.declaration, { args: new Map([...site.args].map(([k, v]) => [k, "value" in v ? v.value : undefined])) });

/** Why a site has no part in weights; undefined where it has one. */
export function notFoldable(site: PlacedSite): NotFolded | undefined {
  const { declaration } = site.method;
  if (site.port !== "output" && site.port !== "input") return { because: declaration.on.span, why: `acts at \`${site.module.path || "the whole model"}\`, where no weight is` };
  if (readsRequest(declaration.body)) return { because: declaration.name.span, why: "depends on values that come with a request" };
  const { foldable } = factsOf(site);
  const { file, start, end } = foldable.because;
  if (foldable.value !== "static") return { because: foldable.because, why: "is not the same change of a weight for every input", equation: `\`${file.text.slice(start, end)}\`` };
  return linearDims(site.module) || bindsParams(declaration.on) ? undefined : { because: declaration.on.span, why: `acts on \`${site.module.path || "the whole model"}\`, which is no linear map` };
}

/** The parameters of `module` by name with `adapter` in them, as they are stored; those that stay are left out. */
export function foldedParams(adapter: PlacedAdapter, module: ModuleInstance, c: FoldContext): ReadonlyMap<string, NodeId> | NotFolded {
  const { evaluator } = c, { builder: b } = evaluator, out = new Map<string, NodeId>([...c.overrides ?? []].map(([p, t]) => [p.name, t.node]));
  const sites = sitesAt(adapter, module, "output"), inputs = sitesAt(adapter, module, "input");
  const refused = [...sites, ...inputs].map(notFoldable).find((f) => f !== undefined);
  if (refused) return refused;
  if (sites.length + inputs.length === 0) return out;
  const term = { kind: "adapter", adapter, span: adapter.span } as const, dims = linearDims(module);
  // Only parameters count; what stands for input and output is read by nothing that is kept.
  const input = dims && !isTable(module) ? b.input(`~in ${module.key}`, "f32", [1, dims.from.dim]) : b.input(`~in ${module.key}`, "i32", [1]);
  const value = b.input(`~out ${module.key}`, "f32", [1, dims?.to.dim ?? [...module.params.values()][0]!.dims.at(-1)!.dim]);
  const { after } = stateAt(term, {
    module, port: "output", input, value, replaced: () => (c.overrides ? value : undefined), map: (a) => c.mapOf(a && c.overrides),
    params: {
      of: (name) => {
        const param = module.params.get(name);
        return param && (c.overrides?.get(param) ?? c.paramTensor(param));
      },
      run: () => value, map: (changed) => c.mapOf(new Map([...c.overrides ?? [], ...c.changed(changed)])),
    },
  }, evaluator);
  for (const [name, t] of after.stored ?? []) out.set(name, t.node);
  if (inputs.length === 0 && sites.every((s) => bindsParams(s.method.declaration.on))) return out;

  const because = adapter.because, map = after.map?.weight(), before = c.mapOf(c.overrides);
  if (!dims || !map || !before) return { because, why: `leaves \`${module.path}\` no single map` };
  let weight = total(b, map, () => true, before.weight), bias = biasOf(after.map?.bias());
  const moved = inputs.length === 0 ? undefined : inputMap(input);
  if (moved) {
    if (!isZero(b, moved.origin)) {
      const pushed = b.reshape(b.dot(weight, moved.origin, [[1, 1]]), [dims.to.dim]);
      bias = bias === undefined ? pushed : b.add(bias, pushed);
    }
    weight = moved.scale === undefined ? b.dot(weight, moved.rows!, [[1, 1]]) : b.mul(weight, b.broadcast(b.reshape(moved.scale, [dims.from.dim]), b.shapeOf(weight), [1]));
  }
  if (weight !== before.weight) out.set("weight", c.inputFirst ? b.permute(weight, [1, 0]) : weight);
  if (bias !== undefined && bias !== before.bias && (before.bias !== undefined || !isZero(b, bias))) {
    if (!module.params.has("bias")) return { because, why: `adds a bias to \`${module.path}\`, which has none` };
    out.set("bias", bias);
  }
  return out;

  function biasOf(sum: ReadonlyMap<NodeId, number> | undefined): NodeId | undefined {
    return sum && sum.size > 0 ? total(b, sum, () => true, [...sum.keys()][0]!) : undefined;
  }

  /** `x -> M x + c` at the input: `c`, and the diagonal of M where it acts on each element alone, else its columns as rows. */
  function inputMap(own: NodeId): { readonly origin: NodeId; readonly scale?: NodeId; readonly rows?: NodeId } {
    const at = (x: NodeId): NodeId => composeAt(term, { module, port: "input", input: x, value: x, replaced: () => undefined, map: () => undefined }, evaluator);
    const width = dims!.from.dim, fill = (v: number): NodeId => b.broadcast(b.scalar(v), [1, constantOf(width)!], []);
    const origin = at(fill(0));
    if (elementwise(at(own), own)) return { origin, scale: b.sub(at(fill(1)), origin) };
    const n = constantOf(width)!, moved = at(b.oneHot(b.iota(n), n));
    return { origin, rows: b.sub(moved, b.broadcast(b.reshape(origin, [width]), b.shapeOf(moved), [1])) };
  }

  /** Is every value made of `from` made of it element by element? */
  function elementwise(id: NodeId, from: NodeId, seen = new Map<NodeId, boolean>()): boolean {
    const known = seen.get(id);
    if (known !== undefined) return known;
    const reads = (x: NodeId): boolean => x === from || b.node(x).inputs.some(reads), n = b.node(id);
    const fine = id === from || !reads(id) || (classOf(n.op) === "elementwise" && n.inputs.every((i) => elementwise(i, from, seen)));
    seen.set(id, fine);
    return fine;
  }
}

const linear: ReadonlySet<string> = new Set(["add", "sub", "neg", "reshape", "permute", "slice", "concat", "broadcast"]);

/** Is a value zero whatever the parameters are? */
function isZero(b: GraphBuilder, id: NodeId): boolean {
  const n = b.node(id);
  if (n.op === "const") return n.data.every((x) => x === 0);
  if (n.op === "mul" || n.op === "dot") return n.inputs.some((i) => isZero(b, i));
  if (n.op === "gather") return isZero(b, n.inputs[0]!);
  return (linear.has(n.op) || (n.op === "reduce" && n.kind === "sum")) && n.inputs.every((i) => isZero(b, i));
}

/** Is `request` named anywhere in it? */
function readsRequest(node: unknown): boolean {
  if (typeof node !== "object" || node === null) return false;
  if ("kind" in node && node.kind === "Ref" && "name" in node && node.name === "request") return true;
  return Object.entries(node).some(([key, v]) => key !== "span" && readsRequest(v));
}
