/** What stands beside the tensors of a merged checkpoint: its config, its tokenizer, how exact it is. */
import type { CheckpointHeader } from "../../formats/checkpoint.ts";
import type { Exactness, MergedTensor, MergePlan } from "../../runtime/merge/merge-plan.ts";
import type { Span } from "../base/source.ts";
import type { AdaptedModel, AdaptedNames } from "./adapted-model.ts";
import { streamed } from "./streamed.ts";
import type { Vocabularies } from "./vocabulary.ts";

/** A checkpoint that takes part in a merge. */
export interface Input {
  readonly name: string;
  readonly header: CheckpointHeader;
  readonly at: Span;
  /** The adapter that is folded into it. */
  readonly adapted?: AdaptedModel & { readonly names: AdaptedNames };
}

export interface FinalParts {
  readonly method: string;
  readonly tensors: readonly MergedTensor[];
  readonly inputs: readonly Input[];
  /** Whose config and tokenizer the result has. */
  readonly donor: Input;
  readonly vocabulary?: Vocabularies;
  /** The result's config, where it is not the donor's. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** A chat template in place of the donor's. */
  readonly template?: string;
  /** The type's name for the config: `bfloat16`. */
  readonly dtype?: string;
}

/** Files of a directory that are not its weights, as they are copied. */
const companions = /^(tokenizer.*|special_tokens_map\.json|added_tokens\.json|vocab\.(json|txt)|merges\.txt|.*\.tiktoken|chat_template\..*|generation_config\.json|(video_)?preprocessor_config\.json|processor_config\.json)$/;
/** Names that configs have for the number of layers. */
const layerFields = ["num_hidden_layers", "n_layer", "num_layers", "n_layers"];

/** A config with other numbers of layers, of the model or of modules; `shared` is a field that would need two of them. */
export function layeredConfig(own: unknown, layers: readonly { readonly module?: string; readonly count: number }[]): { readonly config: Readonly<Record<string, unknown>>; readonly shared?: string } {
  const config: Record<string, unknown> = { ...(own as Record<string, unknown>) }, set = new Map<string, number>();
  for (const { module, count } of layers) {
    const specific = module === undefined ? [] : [`${module}_layers`, `num_${module}_layers`].filter((f) => typeof config[f] === "number");
    for (const f of specific.length > 0 ? specific : layerFields) {
      if (typeof config[f] !== "number") continue;
      // Without a field for itself a module has the model's; that counts the layers of the encoder where there are two stacks.
      const foreign = module !== undefined && specific.length === 0 && module !== "encoder" && config[f] !== count;
      if (foreign || (set.get(f) ?? count) !== count) return { config, shared: f };
      set.set(f, count);
    }
    const per = config["layer_types"];
    if (Array.isArray(per)) config["layer_types"] = Array.from({ length: count }, (_, i) => per[i % per.length] as unknown);
  }
  return { config: { ...config, ...Object.fromEntries(set) } };
}

export function finalPlan(parts: FinalParts): MergePlan {
  const { donor, tensors } = parts;
  const config: Record<string, unknown> = { ...(parts.config ?? (donor.header.json["config.json"] as Record<string, unknown>)) };
  if (parts.dtype !== undefined) config["torch_dtype" in config ? "torch_dtype" : "dtype"] = parts.dtype;
  if (parts.vocabulary?.size !== undefined && typeof config["vocab_size"] === "number") config["vocab_size"] = parts.vocabulary.size;
  const texts = { ...(parts.vocabulary?.files ?? {}), ...(parts.template === undefined ? {} : { "chat_template.jinja": parts.template }) };
  const from = parts.vocabulary?.tokenizer ?? donor;
  return {
    method: parts.method, ...streamed(tensors), stem: "model", json: { "config.json": config }, texts,
    sources: Object.fromEntries(parts.inputs.flatMap(({ name, header, adapted }) => [
      [name, { path: header.location, kind: "base" as const }],
      ...(adapted ? [[adapted.names.base, { path: header.location, kind: "base" as const }], [adapted.names.adapter, { path: adapted.adapter.location, kind: "adapter" as const }]] as const : []),
    ])),
    copies: from.header.listing.filter((f) => companions.test(f) && !(f in texts)).map((file) => ({ source: from.name, file })),
    exactness: exactnessOf(tensors),
  };
}

/** How exact stored results are, from what their graphs do and the types they are stored in. */
export function exactnessOf(tensors: readonly MergedTensor[]): Exactness {
  const drops = tensors.some((t) => t.graph.nodes.some((n) => n.op === "top_mask" || n.op === "random"));
  const narrow = tensors.filter((t) => (t.dtype === "f16" || t.dtype === "bf16") && t.graph.nodes[t.node]!.op !== "param").length;
  const rule = drops ? "the rule drops parts of the members by design" : "the rule is computed in 32 bits";
  if (narrow > 0) return { grade: "bounded", why: `${rule}; ${narrow} of ${tensors.length} tensors are rounded once to ${tensors.some((t) => t.dtype === "bf16") ? "bfloat16 (relative error at most 2^-9)" : "float16 (relative error at most 2^-12)"}` };
  return { grade: "exact", why: `${rule} and stored without rounding` };
}
