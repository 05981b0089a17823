/** Passes and fusion on encoder-decoders of the library: the same meaning, in the first call on a sequence and in later ones. */
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { fold } from "../../compiler/passes/fold.ts";
import { schedule } from "../../compiler/passes/schedule.ts";
import { simplify } from "../../compiler/passes/simplify.ts";
import { initText } from "../../compiler/init.ts";
import { evaluate, neededBy, type EvaluateOptions } from "../../ir/evaluate.ts";
import type { Graph } from "../../ir/graph.ts";
import { verify } from "../../ir/verify.ts";
import { elaborateText } from "../elaborate/golden-case.ts";
import { difference, paramsOf } from "../ir/helpers.ts";
import { runSchedule } from "./check-schedule.ts";

const bases = join(import.meta.dirname, "../fixtures/oracle/bases");
type Inputs = EvaluateOptions["inputs"];
const whole = (rows: number, width: number, at: (i: number) => number): Inputs[string] => ({ shape: [rows, width], data: Int32Array.from({ length: rows * width }, (_, i) => at(i)) });
const ones = (rows: number, width: number): Inputs[string] => whole(rows, width, () => 1);
/** Inputs of the decoder for `width` new tokens after `past`. */
const decoder = (past: number, width: number): Inputs => ({
  decoder_input_ids: whole(2, width, (i) => (7 * i + past) % 50), decoder_attention_mask: ones(2, past + width),
  decoder_position_ids: whole(2, width, (i) => past + (i % width)),
});
const read: Readonly<Record<string, Inputs>> = {
  "t5-gated-untied": { input_ids: whole(2, 9, (i) => (11 * i) % 90), attention_mask: whole(2, 9, (i) => (i < 2 ? 0 : 1)) },
  "whisper-forced": { input_features: { shape: [2, 8, 20], data: Float32Array.from({ length: 320 }, (_, i) => Math.sin(i * 1.3)) } },
};

describe.each(Object.keys(read))("%s", (name) => {
  let graph: Graph, params: NonNullable<EvaluateOptions["params"]>;
  const inputs = (past: number, width: number): Inputs => Object.fromEntries(
    Object.entries({ ...read[name], ...decoder(past, width) }).filter(([n]) => graph.nodes.some((node) => node.op === "input" && node.name === n)),
  );
  beforeAll(async () => {
    graph = (await elaborateText(initText(join(bases, name)))).model!.graph;
    params = paramsOf(graph);
  });

  test("means the same simplified and folded, in two calls", () => {
    const first = evaluate(graph, { inputs: inputs(0, 4), params, dims: { P: 0 } });
    const second = evaluate(graph, { inputs: inputs(4, 1), params, dims: { P: 4 }, states: first.states });
    for (const g of [simplify(graph), fold(simplify(graph), { mode: "fold", sharing: 1 }).graph]) {
      expect(verify(g)).toEqual([]);
      const before = evaluate(g, { inputs: inputs(0, 4), params, dims: { P: 0 } });
      const after = evaluate(g, { inputs: inputs(4, 1), params, dims: { P: 4 }, states: before.states });
      for (const [got, want] of [[before, first], [after, second]] as const)
        for (const [output, value] of Object.entries(want.outputs)) expect(difference(got.outputs[output]!, value), output).toBeLessThan(1e-9);
    }
  });

  test("continues as it would in one call", () => {
    const whole = evaluate(graph, { inputs: inputs(0, 5), params, dims: { P: 0 }, outputs: ["next_logits"] });
    const ids = inputs(0, 5).decoder_input_ids!.data;
    const part = (from: number, width: number): Inputs => ({ ...inputs(from, width), decoder_input_ids: { shape: [2, width], data: [0, 5].flatMap((row) => Array.from({ length: width }, (_, i) => ids[row + from + i]!)) } });
    const first = evaluate(graph, { inputs: part(0, 4), params, dims: { P: 0 } });
    const second = evaluate(graph, { inputs: part(4, 1), params, dims: { P: 4 }, states: first.states, outputs: ["next_logits"] });
    expect(difference(second.outputs["next_logits"]!, whole.outputs["next_logits"]!)).toBeLessThan(1e-9);
  });

  test("means the same region by region; attention is one region each, and nothing else is a softmax", () => {
    const s = schedule(simplify(graph));
    const expected = evaluate(graph, { inputs: inputs(0, 4), params, dims: { P: 0 } }).outputs;
    const got = runSchedule(s, { inputs: inputs(0, 4), params, dims: { P: 0 } });
    for (const output of Object.keys(expected)) expect(difference(got[output]!, expected[output]!), output).toBeLessThan(1e-9);
    const maps = s.graph.nodes.filter((n) => n.op === "softmax").length;
    expect(s.regions.filter((r) => r.kind === "attention").length).toBe(maps);
    expect(s.regions.flatMap((r) => r.outputs).map((id) => s.graph.nodes[id]!.op)).not.toContain("softmax");
  });

  test("keeps all that the decoder reads of the encoder", () => {
    const { nodes } = graph;
    const kept = new Map(nodes.flatMap((n) => (n.op === "keep" ? [[n.id, { dtype: "f32" as const, shape: [], data: new Float64Array(0) }] as const] : [])));
    const needed = neededBy(graph, graph.outputs.filter((o) => o.name === "next_logits").map((o) => o.node), kept);
    const names = nodes.flatMap((n) => (needed[n.id] && n.op === "input" ? [n.name] : []));
    expect(names.filter((n) => n === "input_ids" || n === "input_features")).toEqual([]);
  });
});
