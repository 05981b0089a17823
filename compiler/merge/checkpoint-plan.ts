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
  /** The number of layers, where it is not the donor's. */
  readonly layers?: number;
  /** The type's name for the config: `bfloat16`. */
  readonly dtype?: string;
}

/** Files of a directory that are not its weights, as they are copied. */
const companions = /^(tokenizer.*|special_tokens_map\.json|added_tokens\.json|vocab\.(json|txt)|merges\.txt|.*\.tiktoken|chat_template\..*|generation_config\.json|(video_)?preprocessor_config\.json|processor_config\.json)$/;
/** Names that configs have for the number of layers. */
const layerFields = ["num_hidden_layers", "n_layer", "num_layers", "n_layers"];

export function finalPlan(parts: FinalParts): MergePlan {
  const { donor, tensors } = parts;
  const config: Record<string, unknown> = { ...(donor.header.json["config.json"] as Record<string, unknown>) };
  if (parts.layers !== undefined) for (const f of layerFields) if (typeof config[f] === "number") config[f] = parts.layers;
  const per = config["layer_types"];
  if (parts.layers !== undefined && Array.isArray(per)) config["layer_types"] = Array.from({ length: parts.layers }, (_, i) => per[i % per.length] as unknown);
  if (parts.dtype !== undefined) config["torch_dtype" in config ? "torch_dtype" : "dtype"] = parts.dtype;
  if (parts.vocabulary?.size !== undefined && typeof config["vocab_size"] === "number") config["vocab_size"] = parts.vocabulary.size;
  const texts = parts.vocabulary?.files ?? {};
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
