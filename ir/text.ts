/**
 * The text form of a graph: one node a line, `parse(print(g))` equal to `g`.
 *
 *     dim B = input_ids[0]
 *     dim P = past
 *     assert P atMost C "rows"
 *     %0 = input name="input_ids" : i32[B, S]
 *     %1 = slice %0 axis=1 start={S - 1} step=1 : i32[B, 1] @ module="model.norm" file="a.adapt" start=3 end=9
 *     output logits = %1
 */
import * as dim from "./dim.ts";
import type { Assertion, DimSource, DType, Graph, GraphOutput, Node, Origin, TensorType } from "./graph.ts";
import { attrsOf, opNames, showType } from "./ops.ts";

/** Attributes that hold a dim. */
const dimKeys = new Set(["start", "before", "after", "dim"]);
const showNumber = (v: number): string => (Object.is(v, -0) ? "-0" : String(v));

function showValue(key: string, v: unknown): string {
  if (dimKeys.has(key)) return `{${dim.print(v as dim.Dim)}}`;
  if (Array.isArray(v)) return `[${v.map((e) => showValue("", e)).join(", ")}]`;
  return typeof v === "number" ? showNumber(v) : JSON.stringify(v);
}

const words = (o: object, skip?: string): string =>
  Object.entries(o).filter(([k, v]) => k !== skip && v !== undefined).map(([k, v]) => ` ${k}=${showValue(skip ? k : "", v)}`).join("");

export function printNode(n: Node): string {
  const operands = n.inputs.map((i) => ` %${i}`).join("");
  const origin = n.origin && Object.keys(n.origin).length > 0 ? ` @${words(n.origin)}` : "";
  return `%${n.id} = ${n.op}${operands}${words(attrsOf(n), "op")} : ${showType(n.type)}${origin}`;
}

export function print(graph: Graph): string {
  const lines = [
    ...graph.dims.map((d) => `dim ${d.name} = ${d.from.kind === "past" ? "past" : `${d.from.input}[${d.from.axis}]`}`),
    ...(graph.assertions ?? []).map((a) => `assert ${dim.print(a.left)} ${a.relation} ${dim.print(a.right)} ${JSON.stringify(a.what)}`),
    ...graph.nodes.map(printNode),
    ...graph.outputs.map((o) => `output ${o.name} = %${o.node}`),
  ];
  return lines.join("\n") + "\n";
}

/** Reads the text form; throws SyntaxError with the line on anything else. Empty lines and `#` comments are skipped. */
export function parse(text: string): Graph {
  const dims: DimSource[] = [];
  const assertions: Assertion[] = [];
  const nodes: Node[] = [];
  const outputs: GraphOutput[] = [];
  text.split("\n").forEach((line, i) => {
    const t = line.trim();
    if (t === "" || t.startsWith("#")) return;
    try {
      if (t.startsWith("%")) nodes.push(parseNode(t));
      else if (t.startsWith("dim ")) dims.push(parseDim(t));
      else if (t.startsWith("assert ")) assertions.push(parseAssertion(t));
      else if (t.startsWith("output ")) outputs.push(parseOutput(t));
      else throw new SyntaxError("expected a node, dim, assert or output");
    } catch (e) {
      throw e instanceof SyntaxError ? new SyntaxError(`line ${i + 1}: ${e.message}`) : e;
    }
  });
  return { dims, nodes, outputs, ...(assertions.length ? { assertions } : {}) };
}

function match(pattern: RegExp, text: string, what: string): RegExpExecArray {
  const m = pattern.exec(text);
  if (!m) throw new SyntaxError(`expected ${what} in "${text}"`);
  return m;
}

function parseDim(t: string): DimSource {
  const [, name, input, axis] = match(/^dim (\S+) = (?:past|(.+)\[(\d+)\])$/, t, "dim NAME = past or INPUT[AXIS]");
  return { name: name!, from: input === undefined ? { kind: "past" } : { kind: "input", input, axis: Number(axis) } };
}

function parseAssertion(t: string): Assertion {
  const [, left, relation, right, what] = match(/^assert (.+) (equal|atMost) (.+?) ("(?:[^"\\]|\\.)*")$/, t, "assert DIM equal|atMost DIM TEXT");
  return { relation: relation as Assertion["relation"], left: dim.parse(left!), right: dim.parse(right!), what: JSON.parse(what!) as string };
}

function parseOutput(t: string): GraphOutput {
  const [, name, node] = match(/^output (\S+) = %(\d+)$/, t, "output NAME = %N");
  return { name: name!, node: Number(node) };
}

/** A reader over one line of a node. */
class Scanner {
  readonly #text: string;
  #at = 0;
  constructor(text: string) {
    this.#text = text;
  }
  take(pattern: RegExp, what: string): string {
    const found = this.try(pattern);
    if (found === undefined) throw new SyntaxError(`expected ${what} at column ${this.#at + 1}`);
    return found;
  }
  try(pattern: RegExp): string | undefined {
    const sticky = new RegExp(`\\s*(${pattern.source})`, "y");
    sticky.lastIndex = this.#at;
    const m = sticky.exec(this.#text);
    if (m) this.#at = sticky.lastIndex;
    return m?.[1];
  }
  get done(): boolean {
    return this.#text.slice(this.#at).trim() === "";
  }
}

const number = /-?(?:Infinity|NaN|\d+(?:\.\d+)?(?:e[+-]?\d+)?)/;

function value(s: Scanner): unknown {
  if (s.try(/\[/) !== undefined) {
    const list: unknown[] = [];
    while (s.try(/\]/) === undefined) list.push(value(s)), s.try(/,/);
    return list;
  }
  const d = s.try(/\{[^}]*\}/);
  if (d !== undefined) return dim.parse(d.slice(1, -1));
  const text = s.try(/"(?:[^"\\]|\\.)*"/);
  if (text !== undefined) return JSON.parse(text);
  return Number(s.take(number, "a value"));
}

function pairs(s: Scanner): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (let key = s.try(/\w+=/); key !== undefined; key = s.try(/\w+=/)) out[key.slice(0, -1)] = value(s);
  return out;
}

function parseType(s: Scanner): TensorType {
  const dtype = s.take(/f32|f16|bf16|i32|bool/, "a dtype") as DType;
  const inside = s.take(/\[[^\]]*\]/, "a shape").slice(1, -1).trim();
  return { dtype, shape: splitDims(inside).map(dim.parse) };
}

/** Commas inside `floor(p, q)` do not separate axes. */
function splitDims(text: string): string[] {
  const out: string[] = [];
  let depth = 0, from = 0;
  for (let i = 0; i <= text.length; i++) {
    if (text[i] === "(") depth++;
    if (text[i] === ")") depth--;
    if (i === text.length || (text[i] === "," && depth === 0)) out.push(text.slice(from, i)), (from = i + 1);
  }
  return text === "" ? [] : out;
}

function parseNode(t: string): Node {
  const s = new Scanner(t);
  const id = Number(s.take(/%\d+/, "a node id").slice(1));
  s.take(/=/, "=");
  const op = s.take(/\w+/, "an op");
  if (!(opNames as readonly string[]).includes(op)) throw new SyntaxError(`unknown op ${op}`);
  const inputs: number[] = [];
  for (let i = s.try(/%\d+/); i !== undefined; i = s.try(/%\d+/)) inputs.push(Number(i.slice(1)));
  const attrs = pairs(s);
  s.take(/:/, ":");
  const type = parseType(s);
  const origin = s.try(/@/) === undefined ? undefined : (pairs(s) as Origin);
  if (!s.done) throw new SyntaxError(`left over text after node %${id}`);
  return { op, ...attrs, id, inputs, type, ...(origin ? { origin } : {}) } as unknown as Node;
}
