/**
 * How a graph's values can be made in blocks of rows: which operands a row of a value needs, and of which rows. Rows are the leading
 * axes of a tensor taken together; a value has as many as it is asked for, each a run of elements that are neighbours.
 */
import { constant, constantOf, type Dim } from "../../ir/dim.ts";
import type { Graph, Node, NodeId } from "../../ir/graph.ts";
import { classOf, type NodeOf } from "../../ir/ops.ts";
import { sizeOf } from "../../ir/tensor.ts";

/** A value of `rows` rows: the first `lead` axes are cut, a row takes `multiple` of what is left of them, each a `tail`. */
export interface Cut { readonly rows: number; readonly lead: number; readonly multiple: number; readonly tail: readonly number[] }

/** What a block reads: rows of a value, or all of it. */
export interface Operand { readonly id: NodeId; readonly rows?: number }

export type Rule = { readonly cut: Cut; readonly operands: readonly Operand[] } & (
  /** Numbers of a file, of a random stream, of a literal; 0, 1, 2, ... */
  | { readonly how: "param" | "random" | "const" | "iota" }
  /** The node itself on blocks of its operands, its attributes moved to the block's axes. */
  | { readonly how: "local"; readonly node: Node }
  /** Other rows of the operand: every `step`-th from `start` on. */
  | { readonly how: "stride"; readonly start: number; readonly step: number }
  /** Rows of the operands one after the other. */
  | { readonly how: "stack" }
  /** Rows of the first operand that the second one, whole, names. */
  | { readonly how: "pick" }
  /** The largest of all elements, once it is known where they end. */
  | { readonly how: "mask" }
  /** Made whole, then cut. */
  | { readonly how: "held" }
);

export const shapeOf = (node: Node): number[] => node.type.shape.map((d) => constantOf(d) ?? NaN);
export const countOf = (node: Node): number => sizeOf(shapeOf(node));

/** A shape with as many rows; undefined where they are no leading axes. */
export function cutOf(shape: readonly number[], rows: number): Cut | undefined {
  for (let lead = 1, n = 1; lead <= shape.length; lead++) {
    n *= shape[lead - 1]!;
    if (n % rows === 0) return { rows, lead, multiple: n / rows, tail: shape.slice(lead) };
  }
  return undefined;
}

/** The shape of `count` rows. */
export const blockShape = (cut: Cut, count: number): number[] => [count * cut.multiple, ...cut.tail];
/** Elements of a row. */
export const widthOf = (cut: Cut): number => cut.multiple * sizeOf(cut.tail);

export interface Needs {
  /** Values that are needed whole, and masks whose ends must be known. */
  readonly whole: ReadonlySet<NodeId>;
  readonly masks: ReadonlySet<NodeId>;
  /** Elements of the widest row of a value on the way. */
  readonly width: number;
}

export interface Product { readonly left: NodeId; readonly right: NodeId; readonly scales: readonly NodeId[]; readonly negative: boolean }

/** The smaller side of a matrix whose leading triplets are found without the others. */
const smallSide = 128;

export class Cutter {
  readonly graph: Graph;
  /** Whether the elements of a tensor lie in order in its file. */
  readonly #inOrder: (param: NodeOf<"param">) => boolean;
  readonly #rules = new Map<string, Rule | undefined>();

  constructor(graph: Graph, inOrder: (param: NodeOf<"param">) => boolean) {
    this.graph = graph;
    this.#inOrder = inOrder;
  }

  node(id: NodeId): Node {
    return this.graph.nodes[id]!;
  }

  /** How rows of a value are made; undefined where its shape has no such rows. */
  rule(id: NodeId, rows: number): Rule | undefined {
    const key = `${id} ${rows}`;
    if (this.#rules.has(key)) return this.#rules.get(key);
    const node = this.node(id), cut = cutOf(shapeOf(node), rows);
    const made = cut && { cut, ...(this.#how(node, cut) ?? { how: "held" as const, operands: [{ id }] }) } as Rule;
    this.#rules.set(key, made);
    return made;
  }

  /** What blocks of rows of a value need beside files; undefined where it has no such rows. */
  needs(id: NodeId, rows: number): Needs | undefined {
    const whole = new Set<NodeId>(), masks = new Set<NodeId>(), seen = new Set<string>(), open: Operand[] = [{ id, rows }];
    let width = 1;
    for (let o = open.pop(); o; o = open.pop()) {
      if (o.rows === undefined) {
        whole.add(o.id);
        continue;
      }
      const key = `${o.id} ${o.rows}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const rule = this.rule(o.id, o.rows);
      if (!rule) return undefined;
      width = Math.max(width, widthOf(rule.cut));
      if (rule.how === "mask") masks.add(o.id);
      open.push(...rule.operands);
    }
    return { whole, masks, width };
  }

  /** The singular triplets of a large matrix of which a value is the first few; undefined for any other value. */
  triplets(id: NodeId): { readonly of: NodeId; readonly part: "u" | "s" | "v"; readonly count: number } | undefined {
    const node = this.node(id), from = node.op === "slice" ? this.node(node.inputs[0]!) : undefined;
    if (node.op !== "slice" || from?.op !== "svd") return undefined;
    const sides = shapeOf(this.node(from.inputs[0]!)), count = shapeOf(node)[node.axis]!, smaller = Math.min(...sides);
    if (node.axis !== (from.part === "s" ? 0 : 1) || constantOf(node.start) !== 0 || node.step !== 1) return undefined;
    return smaller >= smallSide && count <= smaller / 4 ? { of: from.inputs[0]!, part: from.part, count } : undefined;
  }

  /** A matrix as a sum of products with few columns in the middle: scalars to multiply, and two factors each. */
  products(id: NodeId): readonly Product[] | undefined {
    const terms = this.#terms(id, { scales: [], negative: false }), sides = shapeOf(this.node(id));
    const inner = terms?.reduce((n, t) => n + shapeOf(this.node(t.right))[0]!, 0) ?? Infinity;
    return inner <= Math.min(...sides) / 2 ? terms : undefined;
  }

  #terms(id: NodeId, by: Pick<Product, "scales" | "negative">): readonly Product[] | undefined {
    const node = this.node(id), [x, y] = node.inputs, isNumber = (i: NodeId): boolean => shapeOf(this.node(i)).length === 0;
    switch (node.op) {
      case "add": case "sub": {
        const left = this.#terms(x!, by), right = this.#terms(y!, { ...by, negative: by.negative !== (node.op === "sub") });
        return left && right && [...left, ...right];
      }
      case "neg": return this.#terms(x!, { ...by, negative: !by.negative });
      case "mul": {
        const [number, of] = isNumber(x!) ? [x!, y!] : [y!, x!];
        return isNumber(number) ? this.#terms(of, { ...by, scales: [...by.scales, number] }) : undefined;
      }
      case "dot": {
        const [pair] = node.contract, plain = node.batch.length === 0 && node.contract.length === 1 && pair![0] === 1 && pair![1] === 0;
        return plain && node.inputs.every((i) => shapeOf(this.node(i)).length === 2) ? [{ ...by, left: x!, right: y! }] : undefined;
      }
      default: return undefined;
    }
  }

  #how(node: Node, cut: Cut): Omit<Rule, "cut"> | undefined {
    const { rows, lead, multiple } = cut, inputs = node.inputs.map((i) => this.node(i));
    const shape = shapeOf(node), plain = lead === 1 && multiple === 1;
    /** The axis of a block that an axis of the value is; rows are the first. */
    const moved = (axis: number): number => axis - lead + 1;
    const local = (operands: readonly Operand[], attributes: object = {}): Omit<Rule, "cut"> => ({ how: "local", operands, node: { ...node, ...attributes } } as Omit<Rule, "cut">);
    const cutOperand = (n: Node): Operand | undefined => (cutOf(shapeOf(n), rows) ? { id: n.id, rows } : undefined);
    /** Axes that an op works along must lie inside a row of the operand, and rows be the same. */
    const inside = (n: Node, axes: readonly number[]): boolean => {
      const c = cutOf(shapeOf(n), rows);
      return c !== undefined && c.lead === lead && c.multiple === multiple && axes.every((a) => a >= lead);
    };
    switch (node.op) {
      case "param":
        return this.#inOrder(node) ? ({ how: "param", operands: [] } as Omit<Rule, "cut">) : undefined;
      case "random": case "iota": case "const":
        return { how: node.op, operands: [] } as Omit<Rule, "cut">;
      case "reshape": {
        const x = cutOperand(inputs[0]!);
        return x && local([x]);
      }
      case "broadcast": {
        const [x] = inputs, own = node.axes.filter((a) => a < lead);
        if (countOf(x!) === 1 && shapeOf(x!).length === 0) return local([{ id: x!.id }], { axes: [] });
        if (multiple !== 1) return undefined;
        if (own.length === 0) return local([{ id: x!.id }], { axes: node.axes.map(moved) });
        return own.length === lead && inside(x!, []) ? local([{ id: x!.id, rows }], { axes: [0, ...node.axes.slice(lead).map(moved)] }) : undefined;
      }
      case "permute": {
        const [x] = inputs;
        return node.perm.every((p, i) => i >= lead || p === i) && inside(x!, []) ? local([{ id: x!.id, rows }], { perm: [0, ...node.perm.slice(lead).map(moved)] }) : undefined;
      }
      case "slice": {
        const [x] = inputs, start = constantOf(node.start);
        if (this.triplets(node.id)) return undefined;
        if (node.axis === 0 && plain && start !== undefined) return { how: "stride", start, step: node.step, operands: [{ id: x!.id, rows: shapeOf(x!)[0]! }] } as Omit<Rule, "cut">;
        return inside(x!, [node.axis]) ? local([{ id: x!.id, rows }], { axis: moved(node.axis) }) : undefined;
      }
      case "concat":
        if (node.axis === 0 && plain && inputs.every((x) => shapeOf(x)[0]! > 0)) return { how: "stack", operands: inputs.map((x) => ({ id: x.id, rows: shapeOf(x)[0]! })) } as Omit<Rule, "cut">;
        return inputs.every((x) => inside(x, [node.axis])) ? local(inputs.map((x) => ({ id: x.id, rows })), { axis: moved(node.axis) }) : undefined;
      case "pad": case "cumsum": case "softmax": case "argmax":
        return inside(inputs[0]!, [node.axis]) ? local([{ id: inputs[0]!.id, rows }], { axis: moved(node.axis) }) : undefined;
      case "order": case "top_k":
        return inside(inputs[0]!, [shape.length - 1]) ? local([{ id: inputs[0]!.id, rows }]) : undefined;
      case "top_mask": {
        const [x, k] = inputs;
        if (inside(x!, [shape.length - 1])) return local([{ id: x!.id, rows }, { id: k!.id }]);
        // One row of all elements, cut into pieces.
        return shape.length === 1 && x!.type.dtype === "f32" ? ({ how: "mask", operands: [{ id: x!.id, rows }] } as Omit<Rule, "cut">) : undefined;
      }
      case "reduce": {
        const [x] = inputs;
        return inside(x!, node.axes) ? local([{ id: x!.id, rows }], { axes: node.axes.map(moved) }) : undefined;
      }
      case "one_hot": {
        return inside(inputs[0]!, []) ? local([{ id: inputs[0]!.id, rows }]) : undefined;
      }
      case "gather": {
        const [data, index] = inputs;
        if (node.axis !== 0) return undefined;
        if (index!.op !== "const" && countOf(data!) <= smallTable && inside(index!, [])) return local([{ id: data!.id }, { id: index!.id, rows }]);
        return plain && shapeOf(index!).length === 1 ? ({ how: "pick", operands: [{ id: data!.id, rows: shapeOf(data!)[0]! }, { id: index!.id }] } as Omit<Rule, "cut">) : undefined;
      }
      case "dot": {
        const [x, y] = inputs;
        if (node.batch.length > 0 || !inside(x!, node.contract.map(([a]) => a))) return undefined;
        return local([{ id: x!.id, rows }, { id: y!.id }], { contract: node.contract.map(([a, b]) => [moved(a), b]) });
      }
      default: {
        if (classOf(node.op) !== "elementwise" && node.op !== "atan2") return undefined;
        return local(inputs.map((x) => (shapeOf(x).length === 0 ? { id: x.id } : { id: x.id, rows })));
      }
    }
  }
}

/** Tables of at most as many elements are held for look-ups. */
const smallTable = 1 << 16;

export const dims = (shape: readonly number[]): Dim[] => shape.map(constant);
