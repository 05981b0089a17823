/** Rules on elementwise nodes: literals, neutral elements, known conditions. */
import * as dim from "../../ir/dim.ts";
import type { BinaryOp, Node, NodeId, TensorType, UnaryOp } from "../../ir/graph.ts";
import { binaryMeaning, intBinaryMeaning, unaryMeaning } from "../../ir/meaning.ts";
import { sameShape } from "../../ir/ops.ts";
import type { RewriteBuilder, Rule } from "./rewrite.ts";

/** The number every element of a value is: of a literal of one element, or one that is repeated. */
export function uniform(b: RewriteBuilder, id: NodeId): number | undefined {
  const n = b.node(id);
  if (n.op === "const") return n.data.length === 1 ? n.data[0] : undefined;
  return n.op === "broadcast" ? uniform(b, n.inputs[0]!) : undefined;
}

/** A value of this type with one number everywhere. */
function filled(b: RewriteBuilder, value: number, type: TensorType): NodeId {
  const constant = type.shape.every((d) => dim.constantOf(d) !== undefined);
  return constant ? b.constant([value], type.dtype, type.shape) : b.broadcast(b.scalar(value, type.dtype), type.shape, []);
}

/** `id` in the shape of the node it replaces: a scalar is repeated. */
const as = (b: RewriteBuilder, id: NodeId, n: Node): NodeId => (sameShape(b.shapeOf(id), n.type.shape) ? id : b.broadcast(id, n.type.shape, []));

const elementwise = ["neg", "abs", "exp", "log", "sqrt", "rsqrt", "sin", "cos", "tanh", "sigmoid", "erf", "floor", "ceil", "round", "sign", "not",
  "add", "sub", "mul", "div", "max", "min", "pow", "mod", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "cast"] as const;

function literalValue(n: Node, values: readonly number[], from: TensorType): number | undefined {
  if (n.op === "cast") return n.type.dtype === "i32" ? Math.trunc(values[0]!) : n.type.dtype === "bool" ? Number(values[0] !== 0) : values[0];
  if (n.op in unaryMeaning) return unaryMeaning[n.op as UnaryOp](values[0]!);
  const f = (from.dtype === "i32" ? intBinaryMeaning : binaryMeaning)[n.op as BinaryOp];
  const value = f(values[0]!, values[1]!);
  return n.type.dtype === "i32" ? (Number.isFinite(value) ? value | 0 : undefined) : value;
}

/** `x op e` is x. */
const neutral: Partial<Record<Node["op"], { readonly right: number; readonly left?: number }>> = {
  add: { right: 0, left: 0 }, sub: { right: 0 }, mul: { right: 1, left: 1 }, div: { right: 1 }, pow: { right: 1 },
  and: { right: 1, left: 1 }, or: { right: 0, left: 0 },
};

export const arithmeticRules: readonly Rule[] = [
  {
    name: "arithmetic of literals",
    ops: elementwise,
    apply: (b, n) => {
      const values = n.inputs.map((i) => uniform(b, i));
      if (values.some((v) => v === undefined)) return undefined;
      const value = literalValue(n, values as number[], b.typeOf(n.inputs[0]!));
      return value === undefined || Number.isNaN(value) ? undefined : filled(b, value, n.type);
    },
  },
  {
    name: "a neutral element",
    ops: ["add", "sub", "mul", "div", "pow", "and", "or"],
    apply: (b, n) => {
      const e = neutral[n.op]!;
      const [x, y] = n.inputs as [NodeId, NodeId];
      if (uniform(b, y) === e.right) return as(b, x, n);
      return e.left !== undefined && uniform(b, x) === e.left ? as(b, y, n) : undefined;
    },
  },
  {
    name: "a literal on the left of a commutative op",
    ops: ["add", "mul", "max", "min", "and", "or", "eq", "ne"],
    apply: (b, n) => {
      const [x, y] = n.inputs as [NodeId, NodeId];
      return uniform(b, x) !== undefined && uniform(b, y) === undefined ? b.make({ op: n.op } as { op: "add" }, [y, x]) : undefined;
    },
  },
  {
    name: "two literal factors or terms in a row",
    ops: ["mul", "add"],
    apply: (b, n) => {
      const [x, y] = n.inputs as [NodeId, NodeId];
      const inner = b.node(x);
      if (inner.op !== n.op || n.type.dtype === "i32") return undefined;
      const [c, d] = [uniform(b, y), uniform(b, inner.inputs[1]!)];
      if (c === undefined || d === undefined || !sameShape(b.shapeOf(inner.inputs[0]!), n.type.shape)) return undefined;
      const both = b.scalar(n.op === "mul" ? c * d : c + d, n.type.dtype);
      return b.make({ op: n.op } as { op: "mul" }, [inner.inputs[0]!, both]);
    },
  },
  {
    name: "a repeated literal beside a value of its shape",
    ops: ["add", "sub", "mul", "div", "max", "min", "pow", "mod", "eq", "ne", "lt", "le", "gt", "ge", "select"],
    apply: (b, n) => {
      if (n.type.shape.length === 0) return undefined;
      const bare = n.inputs.map((i) => {
        const value = b.rankOf(i) > 0 ? uniform(b, i) : undefined;
        return value === undefined ? i : b.scalar(value, b.typeOf(i).dtype);
      });
      const changed = bare.some((id, k) => id !== n.inputs[k]);
      return changed && bare.some((id) => b.rankOf(id) > 0) ? b.make({ op: n.op } as { op: "add" }, bare) : undefined;
    },
  },
  {
    name: "a double negation",
    ops: ["neg", "not"],
    apply: (b, n) => {
      const inner = b.node(n.inputs[0]!);
      return inner.op === n.op ? inner.inputs[0] : undefined;
    },
  },
  {
    name: "a small power",
    ops: ["pow"],
    apply: (b, n) => {
      const [x, y] = n.inputs as [NodeId, NodeId];
      if (!sameShape(b.shapeOf(x), n.type.shape)) return undefined;
      switch (uniform(b, y)) {
        case 2: return b.mul(x, x);
        case 3: return b.mul(b.mul(x, x), x);
        case 0.5: return b.sqrt(x);
        case -0.5: return b.rsqrt(x);
        default: return undefined;
      }
    },
  },
  {
    name: "a select with a known condition or equal branches",
    ops: ["select"],
    apply: (b, n) => {
      const [c, x, y] = n.inputs as [NodeId, NodeId, NodeId];
      const known = uniform(b, c);
      if (known !== undefined) return as(b, known ? x : y, n);
      return x === y ? as(b, x, n) : undefined;
    },
  },
];

