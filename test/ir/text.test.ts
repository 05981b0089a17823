/** The text form is a faithful copy, and bad text and bad graphs are refused with plain words. */
import { describe, expect, it } from "vitest";
import { GraphBuilder, GraphTypeError } from "../../ir/build.ts";
import * as dim from "../../ir/dim.ts";
import type { Graph, Node } from "../../ir/graph.ts";
import { parse, print } from "../../ir/text.ts";
import { verify } from "../../ir/verify.ts";
import { layerGraph } from "./helpers.ts";

function small(): Graph {
  const b = new GraphBuilder();
  const S = b.bindDim({ name: "S", from: { kind: "input", input: "x", axis: 0 } });
  b.bindDim({ name: "P", from: { kind: "past" } });
  const x = b.input("x", "f32", [S, 4]);
  const y = b.at({ module: "m.0", file: "a b.adapt", start: 3, end: 9 }, () => b.slice(x, 0, dim.sub(S, dim.one), 1));
  const z = b.pad(y, 1, dim.floorDiv(S, dim.constant(2)), 1, -Infinity);
  const c = b.constant([-0, 1.5e-20, NaN, 3], "f32", [4]);
  const h = b.append(b.add(x, c), "kv", 0);
  return b.finish([{ name: "z", node: z }, { name: "h", node: h }, { name: "n", node: b.dimValue(S) }]);
}

describe("text", () => {
  it("prints one node a line", () => {
    expect(print(small())).toMatchInlineSnapshot(`
      "dim S = x[0]
      dim P = past
      %0 = input name="x" : f32[S, 4]
      %1 = slice %0 axis=0 start={S - 1} step=1 : f32[1, 4] @ module="m.0" file="a b.adapt" start=3 end=9
      %2 = pad %1 axis=1 before={floor(S, 2)} after={1} value=-Infinity : f32[1, floor(S, 2) + 5]
      %3 = const data=[-0, 1.5e-20, NaN, 3] : f32[4]
      %4 = broadcast %3 axes=[1] : f32[S, 4]
      %5 = add %0 %4 : f32[S, 4]
      %6 = append %5 state="kv" axis=0 : f32[P + S, 4]
      %7 = dim dim={S} : i32[]
      output z = %2
      output h = %6
      output n = %7
      "
    `);
  });
  it("reads back what it printed", () => {
    for (const g of [small(), layerGraph({ layers: 2, rank: 4 })]) expect(parse(print(g))).toEqual(g);
  });
  it("keeps assertions", () => {
    const b = new GraphBuilder([{ name: "B", from: { kind: "input", input: "x", axis: 0 } }, { name: "N", from: { kind: "input", input: "y", axis: 0 } }]);
    const g = b.finish([{ name: "z", node: b.add(b.input("x", "f32", ["B"]), b.input("y", "f32", ["N"])) }]);
    expect(g.assertions).toHaveLength(1);
    expect(parse(print(g))).toEqual(g);
  });
  it.each([
    ["%0 = frob : f32[]", "line 1: unknown op frob"],
    ["\n%0 = iota : f32", "line 2: expected a shape"],
    ["%0 = iota : i32[3] 7", "line 1: left over text after node %0"],
    ["hello", "line 1: expected a node, dim, assert or output"],
    ["output x %1", "line 1: expected output NAME = %N"],
  ])("refuses %j", (text, message) => expect(() => parse(text)).toThrow(message));
});

describe("verify", () => {
  it("accepts what the builder makes", () => {
    expect(verify(small())).toEqual([]);
    expect(verify(layerGraph({ layers: 1, rank: 4 }))).toEqual([]);
  });
  const edit = (change: (nodes: Node[]) => void): Graph => {
    const g = small();
    const nodes = [...g.nodes];
    change(nodes);
    return { ...g, nodes };
  };
  it.each<[string, Graph, string]>([
    ["an id out of place", edit((n) => (n[1] = { ...n[1]!, id: 9 })), "%1 (slice): has id 9"],
    ["an operand that comes later", edit((n) => (n[1] = { ...n[1]!, inputs: [5] })), "%1 (slice): reads %5, which does not come before it"],
    ["a wrong type", edit((n) => (n[5] = { ...n[5]!, type: { dtype: "f32", shape: [dim.constant(4)] } })), "%5 (add): has type f32[4], its op yields f32[S, 4]"],
    ["an unbound dim", { ...small(), dims: [{ name: "S", from: { kind: "input", input: "x", axis: 0 } }] }, "%6 (append): dim P is bound by nothing"],
    ["an output of nothing", { ...small(), outputs: [{ name: "z", node: 99 }] }, "output z is %99, which does not exist"],
    ["two outputs of one name", { ...small(), outputs: [{ name: "z", node: 1 }, { name: "z", node: 2 }] }, "there are two outputs z"],
    ["a state appended twice", edit((n) => (n[5] = { ...(n[6] as Node), id: 5, inputs: [0] })), "%5 and %6 are both state kv"],
    ["a dim from an axis that is not there", { ...small(), dims: [{ name: "S", from: { kind: "input", input: "x", axis: 2 } }, { name: "P", from: { kind: "past" } }] }, "dim S is axis 2 of x: f32[S, 4]"],
  ])("finds %s", (_, g, message) => expect(verify(g)).toContain(message));
});

describe("types", () => {
  const b = new GraphBuilder();
  const x = b.input("x", "f32", ["B", 4]);
  const n = b.input("n", "i32", ["B"]);
  it.each<[string, () => unknown, string]>([
    ["sizes that differ", () => b.add(x, b.constant([0], "f32", [3])), "broadcast: broadcast, axis 0: 3 is not 4"],
    ["a float op of integers", () => b.exp(n), "exp takes a float, not i32"],
    ["mixed dtypes", () => b.add(n, b.scalar(1)), "operands of add are i32 and f32"],
    ["a dot of the wrong width", () => b.linear(x, b.constant([0], "f32", [2, 3])), "axes 1 and 1: 4 is not 3"],
    ["a reshape to another size", () => b.reshape(x, ["B", 5]), "reshape of [B, 4] to [B, 5]: 4*B is not 5*B"],
    ["a slice past the end", () => b.slice(x, 1, 2, 3), "end of slice along axis 1: 5 is more than 4"],
    ["no permutation", () => b.permute(x, [0, 0]), "[0, 0] is no permutation of the 2 axes of f32[B, 4]"],
    ["an axis outside", () => b.softmax(x, 2), "softmax: axis 2 is outside rank 2"],
    ["a select without a condition", () => b.select(x, x, x), "the condition of select is f32, not bool"],
    ["a gather by floats", () => b.gather(x, x), "indices of gather are f32, not i32"],
  ])("refuses %s", (_, make, message) => {
    expect(make).toThrow(GraphTypeError);
    expect(make).toThrow(message);
  });
  it("asks at run time what it cannot decide", () => {
    const c = new GraphBuilder();
    c.add(c.input("x", "f32", ["B"]), c.input("y", "f32", ["N"]));
    expect(c.assertions).toEqual([{ relation: "equal", left: dim.named("B"), right: dim.named("N"), what: "operands of add, axis 0" }]);
  });
});
