/** Graphs built by hand for tests: a decoder of the common kind (grouped queries, rotary positions, gated MLP). */
import { GraphBuilder } from "../../ir/build.ts";
import * as dim from "../../ir/dim.ts";
import type { Graph, NodeId } from "../../ir/graph.ts";
import type { TensorValue } from "../../ir/tensor.ts";

export interface LayerOptions {
  readonly layers?: number;
  /** Rank of the side paths on all seven linears; 0 for none. */
  readonly rank?: number;
  readonly width?: number;
  readonly heads?: number;
  readonly kvHeads?: number;
  readonly hidden?: number;
  readonly vocabulary?: number;
  readonly bias?: boolean;
  readonly window?: number;
  /** Adds `logits` and `next_logits`; else the output is `hidden_states` alone. */
  readonly head?: boolean;
  /** How attention with groups is written: 5 axes with a group axis, or k and v repeated to all heads. */
  readonly groups?: "axis" | "repeat";
}

/** The whole decoder over `input_ids` [B, S] and `attention_mask` [B, P + S], with `position_ids` [B, S]. */
export function layerGraph(options: LayerOptions = {}): Graph {
  const o = { layers: 1, rank: 0, width: 16, heads: 4, kvHeads: 2, hidden: 24, vocabulary: 11, bias: false, window: 0, head: true, groups: "axis" as const, ...options };
  const b = new GraphBuilder();
  const B = b.bindDim({ name: "B", from: { kind: "input", input: "input_ids", axis: 0 } });
  const S = b.bindDim({ name: "S", from: { kind: "input", input: "input_ids", axis: 1 } });
  const P = b.bindDim({ name: "P", from: { kind: "past" } });
  const T = dim.add(P, S);
  const [D, H, K] = [o.width, o.heads, o.kvHeads];
  const [E, G] = [D / H, H / K];
  const ids = b.input("input_ids", "i32", [B, S]);
  const mask = b.input("attention_mask", "i32", [B, T]);
  const positions = b.input("position_ids", "i32", [B, S]);
  const param = (tensor: string, shape: number[]): NodeId => b.param({ source: "base", tensor, storage: "f32", shape });
  const lora = (tensor: string, shape: number[]): NodeId => b.param({ source: "adapter", tensor, storage: "f32", shape });

  const linear = (path: string, x: NodeId, n: number, k: number, bias = false): NodeId => {
    const y = b.linear(x, param(`${path}.weight`, [n, k]), bias ? param(`${path}.bias`, [n]) : undefined);
    if (o.rank === 0) return y;
    const low = b.linear(b.linear(x, lora(`${path}.A`, [o.rank, k])), lora(`${path}.B`, [n, o.rank]));
    return b.add(y, b.mul(low, b.scalar(0.5)));
  };
  const norm = (path: string, x: NodeId): NodeId => {
    const mean = b.reduce("mean", b.mul(x, x), [2], true);
    return b.mul(b.mul(x, b.rsqrt(b.add(mean, b.scalar(1e-5)))), param(`${path}.weight`, [D]));
  };

  const angles = b.mul(
    b.broadcast(b.cast(positions, "f32"), [B, S, E / 2], [0, 1]),
    b.broadcastTo(b.constant(Array.from({ length: E / 2 }, (_, i) => 10000 ** ((-2 * i) / E)), "f32", [E / 2]), [B, S, E / 2]),
  );
  const both = b.concat([angles, angles], 2);
  const [cos, sin] = [b.cos(both), b.sin(both)];
  /** x [B, n, S, E] */
  const rotary = (x: NodeId, n: number): NodeId => {
    const shape = [B, n, S, E];
    const half = b.concat([b.neg(b.slice(x, 3, E / 2, E / 2)), b.slice(x, 3, 0, E / 2)], 3);
    return b.add(b.mul(x, b.broadcast(cos, shape, [0, 2, 3])), b.mul(half, b.broadcast(sin, shape, [0, 2, 3])));
  };
  const heads = (x: NodeId, n: number): NodeId => b.permute(b.reshape(x, [B, S, n, E]), [0, 2, 1, 3]);

  const rows = b.add(b.broadcast(b.iota(S), [S, T], [0]), b.dimValue(P));
  const columns = b.broadcast(b.iota(T), [S, T], [1]);
  let causal = b.compare("le", columns, rows);
  if (o.window) causal = b.and(causal, b.compare("lt", b.sub(rows, columns), b.scalar(o.window, "i32")));
  const visible = b.and(
    b.broadcast(causal, [B, S, T], [1, 2]),
    b.broadcast(b.compare("ne", mask, b.scalar(0, "i32")), [B, S, T], [0, 2]),
  );

  const attention = (path: string, x: NodeId): NodeId => {
    const q = rotary(heads(linear(`${path}.q_proj`, x, H * E, D, o.bias), H), H);
    const k = b.append(rotary(heads(linear(`${path}.k_proj`, x, K * E, D, o.bias), K), K), `${path}.k`, 2);
    const v = b.append(heads(linear(`${path}.v_proj`, x, K * E, D, o.bias), K), `${path}.v`, 2);
    const scale = b.scalar(1 / Math.sqrt(E));
    let merged: NodeId;
    if (o.groups === "axis") {
      const grouped = b.reshape(q, [B, K, G, S, E]);
      const scores = b.mul(b.dot(grouped, k, [[4, 3]], [[0, 0], [1, 1]]), scale);
      const masked = b.select(b.broadcast(visible, [B, K, G, S, T], [0, 3, 4]), scores, b.scalar(-3e38));
      const mixed = b.dot(b.softmax(masked), v, [[4, 2]], [[0, 0], [1, 1]]);
      merged = b.reshape(b.permute(mixed, [0, 3, 1, 2, 4]), [B, S, D]);
    } else {
      const spread = (t: NodeId): NodeId => b.reshape(b.broadcast(t, [B, K, G, T, E], [0, 1, 3, 4]), [B, H, T, E]);
      const scores = b.mul(b.dot(q, spread(k), [[3, 3]], [[0, 0], [1, 1]]), scale);
      const masked = b.select(b.broadcast(visible, [B, H, S, T], [0, 2, 3]), scores, b.scalar(-3e38));
      const mixed = b.dot(b.softmax(masked), spread(v), [[3, 2]], [[0, 0], [1, 1]]);
      merged = b.reshape(b.permute(mixed, [0, 2, 1, 3]), [B, S, D]);
    }
    return linear(`${path}.o_proj`, merged, D, D);
  };
  const mlp = (path: string, x: NodeId): NodeId => {
    const gate = linear(`${path}.gate_proj`, x, o.hidden, D);
    const up = linear(`${path}.up_proj`, x, o.hidden, D);
    return linear(`${path}.down_proj`, b.mul(b.mul(gate, b.sigmoid(gate)), up), D, o.hidden);
  };

  const table = param("model.embed_tokens.weight", [o.vocabulary, D]);
  let h = b.gather(table, ids);
  for (let i = 0; i < o.layers; i++) {
    const path = `model.layers.${i}`;
    h = b.at({ module: path }, () => {
      const a = b.add(h, attention(`${path}.self_attn`, norm(`${path}.input_layernorm`, h)));
      return b.add(a, mlp(`${path}.mlp`, norm(`${path}.post_attention_layernorm`, a)));
    });
  }
  const last = norm("model.norm", h);
  const outputs = [{ name: "hidden_states", node: last }];
  if (o.head) {
    const logits = b.linear(last, param("lm_head.weight", [o.vocabulary, D]));
    outputs.push({ name: "logits", node: logits }, { name: "next_logits", node: b.slice(logits, 1, dim.sub(S, dim.one), 1) });
  }
  return b.finish(outputs);
}

/** Values in (-1, 1) that depend on the name alone, so a rewritten graph finds the same parameters. */
export function randomParam(source: string, tensor: string, n: number): Float64Array {
  let state = 2166136261;
  for (const c of `${source}/${tensor}`) state = Math.imul(state ^ c.charCodeAt(0), 16777619);
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0;
    const mixed = Math.imul(state ^ (state >>> 13), 0x297a2d39);
    out[i] = ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 31 - 1;
  }
  return out;
}

/** Values for every param of a graph, scaled by the square root of the last axis. */
export function paramsOf(graph: Graph): (source: string, tensor: string) => Float64Array {
  const made = new Map<string, Float64Array>();
  for (const n of graph.nodes) {
    if (n.op !== "param") continue;
    const shape = n.type.shape.map((d) => dim.evaluate(d, {}));
    const data = randomParam(n.source, n.tensor, shape.reduce((x, y) => x * y, 1));
    const scale = shape.length > 1 ? 1 / Math.sqrt(shape.at(-1)!) : 1;
    made.set(`${n.source}/${n.tensor}`, data.map((v) => v * scale + (shape.length === 1 ? 1 : 0)));
  }
  return (source, tensor) => made.get(`${source}/${tensor}`)!;
}

/** Inputs of a decoder graph: `past` rows are in the states already; the first `padding` columns of row 0 are masked. */
export function decoderInputs(batch: number, rows: number, past = 0, padding = 0, vocabulary = 11): Record<string, { shape: number[]; data: Int32Array }> {
  const at = (n: number, f: (i: number) => number): Int32Array => Int32Array.from({ length: n }, (_, i) => f(i));
  return {
    input_ids: { shape: [batch, rows], data: at(batch * rows, (i) => (i * 7 + past * 3 + 1) % vocabulary) },
    attention_mask: { shape: [batch, past + rows], data: at(batch * (past + rows), (i) => (i < padding ? 0 : 1)) },
    position_ids: { shape: [batch, rows], data: at(batch * rows, (i) => past + (i % rows)) },
  };
}

/** The largest difference between two values, relative to the largest element. */
export function difference(a: TensorValue, b: TensorValue): number {
  if (a.shape.join() !== b.shape.join()) return Infinity;
  let [scale, worst] = [1e-9, 0];
  for (let i = 0; i < a.data.length; i++) {
    const [x, y] = [a.data[i]!, b.data[i]!];
    scale = Math.max(scale, Number.isFinite(x) ? Math.abs(x) : 0);
    if (!Object.is(x, y) && x !== y) worst = Math.max(worst, Number.isFinite(x - y) ? Math.abs(x - y) : Infinity);
  }
  return worst / scale;
}
