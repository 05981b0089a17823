/** Regions with several products, epilogues and rows, as fusion makes them, against the evaluator. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Region } from "../../compiler/passes/regions.ts";
import { GraphBuilder } from "../../ir/build.ts";
import { constantOf, toDim } from "../../ir/dim.ts";
import { constNodes } from "../../ir/build.ts";
import { evaluate } from "../../ir/evaluate.ts";
import type { Graph, NodeId } from "../../ir/graph.ts";
import { nodeCpu } from "../../runtime/cpu/node-cpu.ts";
import type { Device } from "../../runtime/device.ts";
import { paramsOf, randomParam } from "../ir/helpers.ts";
import { planOf, weightsOf, withMemory } from "./cpu-schedule.ts";

let devices: Device[] = [];
beforeAll(async () => {
  devices = await Promise.all([1, 2].map((threads) => nodeCpu({ threads })));
});
afterAll(() => devices.forEach((d) => d.dispose()));

interface Case { readonly graph: Graph; readonly regions: readonly Region[] }

function build(width: number, make: (b: GraphBuilder, x: NodeId, param: (name: string, ...shape: number[]) => NodeId) => { readonly regions: (nodes: (from: NodeId, to: NodeId) => NodeId[]) => Omit<Region, "id">[]; readonly outputs: readonly NodeId[] }): Case {
  const b = new GraphBuilder();
  const B = b.bindDim({ name: "B", from: { kind: "input", input: "x", axis: 0 } });
  const S = b.bindDim({ name: "S", from: { kind: "input", input: "x", axis: 1 } });
  const x = b.input("x", "f32", [B, S, width]);
  const param = (tensor: string, ...shape: number[]): NodeId => b.param({ source: "base", tensor, storage: "f32", shape });
  const { regions, outputs } = make(b, x, param);
  const graph = b.finish(outputs.map((node, i) => ({ name: `y${i}`, node })));
  if (graph.outputs.some((o, i) => o.node !== outputs[i])) throw new Error("the test's node numbers moved");
  const consts = constNodes(graph);
  const between = (from: NodeId, to: NodeId): NodeId[] => graph.nodes.map((n) => n.id).filter((id) => id >= from && id <= to && !consts[id]);
  return { graph, regions: regions(between).map((r, id) => ({ ...r, id }) as Region) };
}

async function agrees({ graph, regions }: Case, expected: readonly Region["kind"][], fast = true): Promise<void> {
  expect(regions.map((r) => r.kind)).toEqual(expected);
  const { plan, wasm } = planOf(withMemory(graph, regions));
  expect(plan.programs.cpu!.buffers.some((b) => b.kind === "weight" && b.layout === "panel16"), "takes the schedule of its kind").toBe(fast);
  const params = paramsOf(graph);
  const width = constantOf(graph.nodes.find((n) => n.op === "input")!.type.shape[2]!)!;
  for (const device of devices) {
    const model = await device.load(plan, weightsOf(graph, params), wasm);
    for (const [batch, rows] of [[1, 1], [1, 2], [1, 3], [2, 9]] as const) {
      const data = Float32Array.from(randomParam("input", `${batch}x${rows}`, batch * rows * width));
      const want = evaluate(graph, { inputs: { x: { shape: [batch, rows, width], data } }, params }).outputs;
      const got = await model.run({ x: { dtype: "f32", shape: [batch, rows, width], data } });
      for (const [name, v] of Object.entries(want)) {
        expect(got[name]!.shape).toEqual(v.shape);
        v.data.forEach((e, i) => Math.abs(got[name]!.data[i]! - e) > 2e-5 * (1 + Math.abs(e)) && expect.fail(`${name}[${i}] is ${got[name]!.data[i]}, expected ${e} (${batch} x ${rows}, ${device.info.threads} threads)`));
      }
    }
    expect(model.dispatches).toBe(4 * regions.length);
    model.dispose();
  }
}

const rms = (b: GraphBuilder, x: NodeId, weight: NodeId): NodeId =>
  b.mul(b.mul(x, b.rsqrt(b.add(b.reduce("mean", b.mul(x, x), [2], true), b.scalar(1e-5)))), weight);

test.each([16, 20])("a gated pair with bias, low-rank sides and a second group (width %i)", (width) =>
  agrees(build(width, (b, x, param) => {
    const n = 40;
    const first = x + 1;
    const low = b.linear(x, param("A", 8, width));
    const [gate, up] = ["gate", "up"].map((p) => b.linear(x, param(p, n, width), param(`${p}.bias`, n)));
    const sides = [0, 1].map((i) => b.mul(b.linear(b.slice(low, 2, 4 * i, 4), param(`B${i}`, n, 4)), b.scalar(0.5)));
    const [g, u] = [b.add(gate!, sides[0]!), b.add(up!, sides[1]!)];
    const both = b.mul(b.mul(g, b.sigmoid(g)), u);
    const other = b.linear(x, param("other", 7, width));
    return {
      outputs: [both, other],
      regions: (between) => {
        const rows = b.typeOf(x).shape.slice(0, 2), k = toDim(width);
        const dots = between(first, other).filter((id) => b.node(id).op === "dot" && b.node(id).inputs[0] === x);
        const [lowDot, gateDot, upDot, otherDot] = dots as [NodeId, NodeId, NodeId, NodeId];
        const dot = { kind: "dot" as const, lhs: x, rows, k };
        return [
          { ...dot, nodes: [lowDot], outputs: [lowDot], groups: [{ members: [lowDot], n: toDim(8), outputs: [lowDot] }] },
          {
            ...dot, nodes: between(first, other).filter((id) => id !== lowDot), outputs: [both, otherDot],
            groups: [{ members: [gateDot, upDot], n: toDim(n), outputs: [both] }, { members: [otherDot], n: toDim(7), outputs: [otherDot] }],
          },
        ];
      },
    };
  }), ["dot", "dot"]));

test.each([32, 48])("residual, expand, norm and shrink on rows of %i", (width) =>
  agrees(build(width, (b, x, param) => {
    const t = b.mul(b.slice(x, 2, 0, 4), b.scalar(2));
    const expand = b.linear(t, param("B", width, 4));
    const sum = b.add(x, expand);
    const norm = rms(b, sum, param("norm", width));
    const shrink = b.linear(norm, param("A", 24, width));
    const exact = b.softmax(norm);
    return {
      outputs: [sum, norm, shrink, exact],
      regions: (between) => [
        { kind: "map", nodes: between(x + 1, t), outputs: [t] },
        { kind: "row", nodes: between(t + 1, exact), outputs: [sum, norm, shrink, exact], rows: b.typeOf(x).shape.slice(0, 2), width: toDim(width) },
      ],
    };
  }), ["map", "row"]));

test("a row region that is no row falls back to loops", () =>
  agrees(build(6, (b, x, param) => {
    const norm = rms(b, x, param("norm", 6));
    return { outputs: [norm], regions: (between) => [{ kind: "row", nodes: between(x + 1, norm), outputs: [norm], rows: b.typeOf(x).shape.slice(0, 2), width: toDim(6) }] };
  }), ["row"], false));

test("a product whose rows are scattered copies them", () =>
  agrees(build(16, (b, x, param) => {
    const turned = b.permute(b.reshape(x, [...b.typeOf(x).shape.slice(0, 2), toDim(4), toDim(4)]), [0, 1, 3, 2]);
    const flat = b.reshape(turned, b.typeOf(x).shape);
    const y = b.linear(flat, param("W", 20, 16));
    const heads = b.permute(b.reshape(y, [...b.typeOf(x).shape.slice(0, 2), toDim(5), toDim(4)]), [0, 2, 1, 3]);
    return {
      outputs: [heads],
      regions: (between) => [{
        kind: "dot", nodes: between(x + 1, heads), outputs: [heads], lhs: flat, rows: b.typeOf(x).shape.slice(0, 2), k: toDim(16),
        groups: [{ members: [y], n: toDim(20), outputs: [heads] }],
      }],
    };
  }), ["dot"]));
