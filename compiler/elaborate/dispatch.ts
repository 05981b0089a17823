/**
 * A route whose router makes the inputs of its candidates: `inputs` `[B, N, P, I]` has `P` rows for each candidate, and
 * `weights` `[B, S, N, P]` say how much each token of the value takes of what the candidates make of them.
 *
 * `y + sum_n sum_p w[n, p] E_n(inputs[n])[p]`, E the part that a candidate adds. Candidates see their rows and nothing else, so
 * only one that adds what it makes of its module's input can be one.
 */
import type { GraphBuilder } from "../../ir/build.ts";
import { constant, constantOf, equal, names, product, type Dim } from "../../ir/dim.ts";
import type { NodeId } from "../../ir/graph.ts";
import { showShape } from "../../ir/ops.ts";
import type { RouteTerm } from "../check/choices.ts";
import type { Term } from "../check/composition.ts";
import type { PlacedSite } from "../check/method-sites.ts";
import type { ModuleInstance, Value } from "../check/values.ts";
import type { Span } from "../base/source.ts";
import { plus, single, total } from "./combination.ts";
import type { BodyEvaluator, PortSite, PortState } from "./compose.ts";
import type { RoutedInputs } from "./gates.ts";

/** The state of a port at its first value, and what a term makes of it there. */
export interface Denoted { readonly before: PortState; readonly after: PortState }

export interface DispatchContext {
  readonly site: PortSite;
  readonly evaluator: BodyEvaluator;
  denoteAt(term: Term, site: PortSite, evaluator: BodyEvaluator): Denoted;
}

/** The state after the route; the same object when no candidate acts here, or after a report. */
export function dispatched(term: RouteTerm, state: PortState, context: DispatchContext): PortState {
  const { site, evaluator } = context, { builder: b, diagnostics } = evaluator;
  if (continued(b, b.shapeOf(site.value)[1])) {
    // Once for the route, and not at every site.
    if (!diagnostics.has("A0405", term.span)) diagnostics.report("A0405", {
      at: term.span, space: "inputs", adapter: term.router.name, label: `${site.module.path === "" ? "these tokens" : `the tokens of \`${site.module.path}\``} come one after another`, because: term.router.declared.declaration.name.span, becauseLabel: "makes its `inputs` from all tokens",
      body: "A token that comes later would change what earlier ones took, and those are computed and kept. Where all tokens are there at once, as in an encoder, this is possible.",
    });
    return state;
  }
  const decided = evaluator.gates.inputsAt(term, site);
  if (!decided || !fits(term, decided, context)) return state;
  const { weights, inputs } = decided;
  const [batch, , rows, width] = b.shapeOf(inputs) as [Dim, Dim, Dim, Dim];
  const shape = [batch, rows, ...b.shapeOf(site.value).slice(2)];
  const parts = term.candidates.map((c, i): NodeId | undefined => {
    const own = b.reshape(b.slice(inputs, 1, i, 1), [batch, rows, width]);
    const nothing = b.broadcast(b.scalar(0), shape, []);
    const { before, after } = context.denoteAt(c, { ...site, input: own, value: nothing }, { ...evaluator, settled: (module, port, at, reader) => read(own, module, port, at, reader) });
    return after === before ? undefined : total(b, plus(after.value, before.value, -1), (n) => evaluator.isConst(n), nothing);
  });
  function read(own: NodeId, module: ModuleInstance, port: string, at: Span, reader: PlacedSite): Value {
    if (module === site.module && port === "input") return evaluator.tensor(own, at);
    diagnostics.report("A0405", {
      at: term.span, space: "inputs", adapter: term.router.name, because: at, becauseLabel: `\`${reader.method.declaration.name.text}\` reads \`${port}\` of \`${module.path}\``,
      body: "The router gives its candidates rows of its own in place of the module's input, and no other value has such rows.",
    });
    return { kind: "poison", because: at };
  }
  if (parts.every((p) => p === undefined)) return state;
  const made = b.concat(parts.map((p) => p ?? b.broadcast(b.scalar(0), shape, [])), 1);
  const [, tokens] = b.shapeOf(weights);
  const shares = b.reshape(weights, [batch, tokens!, product([constant(term.candidates.length), rows])]);
  const lost = { adapter: term.router.name, because: term.span };
  return { value: plus(state.value, single(b.dot(shares, made, [[2, 1]], [[0, 0]]))), map: { weight: () => undefined, bias: () => undefined, lost } };
}

/** Are rows of this size those that later calls on a sequence go on with? Some input has them and those of earlier calls. */
function continued(b: GraphBuilder, rows: Dim | undefined): boolean {
  const past = b.dims.filter((d) => d.from.kind === "past").map((d) => d.name), own = [...names(rows ?? constant(1))];
  return b.nodes.some((n, id) => n.op === "input" && b.shapeOf(id).some((d) => past.some((p) => [...names(d)].includes(p)) && own.some((o) => [...names(d)].includes(o))));
}

/** Do the shapes of a decision go together, and with the value? Reported. */
function fits(term: RouteTerm, { weights, inputs }: RoutedInputs, { site, evaluator }: DispatchContext): boolean {
  const { builder: b, diagnostics } = evaluator;
  const [w, i, value, read] = [weights, inputs, site.value, site.input].map((n) => b.shapeOf(n)) as [readonly Dim[], readonly Dim[], readonly Dim[], readonly Dim[]];
  const n = term.candidates.length, count = (d: Dim | undefined): boolean => d !== undefined && constantOf(d) === n;
  const wrong = (found: readonly Dim[], what: string): false => {
    const because = term.router.declared.declaration.name.span;
    diagnostics.report("A0207", { at: term.span, expected: what, found: showShape(found), because, body: "A router that makes the inputs of its candidates yields `inputs` `[B, N, P, I]` and `weights` `[B, S, N, P]`." });
    return false;
  };
  if (i.length !== 4 || !count(i[1]) || !equal(i[3]!, read.at(-1)!)) return wrong(i, `[B, ${n}, P, ${showShape([read.at(-1)!]).slice(1, -1)}]`);
  if (w.length !== 4 || value.length !== 3 || !equal(w[1]!, value[1]!) || !count(w[2]) || !equal(w[3]!, i[2]!)) return wrong(w, showShape([value[0]!, value[1] ?? value[0]!, constant(n), i[2]!]));
  return true;
}
