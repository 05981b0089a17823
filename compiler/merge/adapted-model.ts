/**
 * A model of a mergekit file with an adapter in it (`model: base+adapter`): the tensors that the adapter changes, each by its recipe.
 * The pair is read as a program of two lines, so every directory and every foldable method that programs know is known here; what is
 * wrong with it is said at the place in the mergekit file.
 */
import type { CheckpointHeader, Host } from "../../formats/checkpoint.ts";
import type { Graph } from "../../ir/graph.ts";
import type { MergedTensor } from "../../runtime/merge/merge-plan.ts";
import type { Span } from "../base/source.ts";
import type { PlacedAdapter } from "../check/placement.ts";
import { modulesOf, type ModuleInstance } from "../check/values.ts";
import { Diagnostics, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { AdapterPlacement } from "../elaborate/adapters.ts";
import { notFoldable, type NotFolded } from "../elaborate/folded.ts";
import { Interpreter } from "../elaborate/interpreter.ts";
import { RequestInputs } from "../elaborate/request-inputs.ts";
import { checkProgram } from "../program.ts";
import { finished } from "./tensor-recipe.ts";

/** Names that the graphs have for the two directories. */
export interface AdaptedNames { readonly base: string; readonly adapter: string }

export interface AdaptedModel {
  /** Tensors of the base that the adapter changes, in f32, by name. */
  readonly tensors: ReadonlyMap<string, MergedTensor>;
  readonly adapter: CheckpointHeader;
}

/** `folder` is where relative paths are looked up. Undefined after a report. */
export async function adaptedModel(paths: AdaptedNames, names: AdaptedNames, folder: string, host: Host, at: Span, diagnostics: Diagnostics): Promise<AdaptedModel | undefined> {
  const entry = `${folder}/_`, own = new Diagnostics();
  const text = `edition 2026\n\nbase model = pretrained(${JSON.stringify(paths.base)})\nexport adapter adapter = pretrained(${JSON.stringify(paths.adapter)}) on model\n`;
  const program = await checkProgram(entry, { ...host, resolve: host.resolve.bind(host), openCheckpoint: host.openCheckpoint.bind(host), readText: (p) => (p === entry ? Promise.resolve(text) : host.readText(p)) }, own);
  const [base] = program?.bases ?? [], [adapter] = program?.adapters ?? [];
  const tensors = base && adapter && !own.hasErrors ? foldedTensors(base.root, adapter, names, own) : undefined;
  diagnostics.add(...own.items.map((d) => placed(d, entry, at)));
  return tensors && adapter && !own.hasErrors ? { tensors, adapter: adapter.header } : undefined;
}

/** What is said of the program is said of the line in the mergekit file. */
function placed(d: Diagnostic, entry: string, at: Span): Diagnostic {
  const { fix, ...rest } = d, inside = (s: Span): boolean => s.file.name === entry;
  return { ...rest, labels: d.labels.map((l) => (inside(l.span) ? { ...l, span: at } : l)), ...(fix && !fix.edits.some((e) => inside(e.span)) ? { fix } : {}) };
}

function foldedTensors(root: ModuleInstance, adapter: PlacedAdapter, names: AdaptedNames, diagnostics: Diagnostics): ReadonlyMap<string, MergedTensor> | undefined {
  const modules = modulesOf(root), out = new Map<string, MergedTensor>();
  const touched = new Set([...adapter.sites.map((s) => s.module), ...adapter.replacements.map((r) => r.module)]);
  const refuse = ({ because, why, equation }: NotFolded): undefined =>
    equation !== undefined ? void diagnostics.report("A0502", { at: adapter.because, adapter: adapter.name, because, becauseLabel: why, equation })
      : void diagnostics.report("A0516", { at: adapter.because, label: "cannot become part of the weights", body: `The adapter ${why}.`, ...(because === adapter.because ? {} : { because, becauseLabel: "by this method" }) });
  const odd = adapter.sites.map(notFoldable).find((f) => f !== undefined);
  if (odd) return refuse(odd);
  for (const module of touched)
    for (const param of [...module.params.keys()]) {
      const interpreter = new Interpreter(diagnostics), b = interpreter.builder;
      const made = new AdapterPlacement({ kind: "adapter", adapter, span: adapter.span }, interpreter, new RequestInputs(b, diagnostics)).folded(adapter, module);
      if ("because" in made) return refuse(made);
      const node = made.get(param), { tensor } = module.params.get(param)!;
      if (diagnostics.hasErrors) return undefined;
      if (node === undefined) continue;
      const recipe = finished(tensor, "f32", node, b), known = out.get(tensor);
      const stays = modules.find((m) => !touched.has(m) && [...m.params.values()].some((p) => p.tensor === tensor));
      if (stays || (known && !sameRecipe(known.graph, renamed(recipe.graph, adapter, names)))) {
        diagnostics.report("A0516", {
          at: adapter.because, label: "changes one end of a tied tensor", body: `\`${tensor}\` is read by \`${module.path}\` and by \`${stays?.path ?? "another module"}\`, and the adapter changes it for one of them only.`,
          help: "give the base a tensor for each (`tie_word_embeddings: false`, both tensors stored), or keep the adapter beside the model",
        });
        return undefined;
      }
      out.set(tensor, { ...recipe, graph: renamed(recipe.graph, adapter, names) });
    }
  return out;
}

/** Do two graphs compute the same, whoever asked for it? */
function sameRecipe(a: Graph, b: Graph): boolean {
  const plain = (g: Graph): string => JSON.stringify(g.nodes, (key, v: unknown) => (key === "origin" ? undefined : v));
  return plain(a) === plain(b);
}

/** The graph with the merge's names for the directories. */
function renamed(graph: Graph, adapter: PlacedAdapter, names: AdaptedNames): Graph {
  return { ...graph, nodes: graph.nodes.map((n) => (n.op === "param" ? { ...n, source: n.source === adapter.source ? names.adapter : names.base } : n)) };
}
