/** Prompts of a model with an encoder: the encoder reads them, and the decoder begins with what the configs say. */
import type { Tensor } from "../device.ts";
import { RuntimeFailure } from "../errors.ts";
import { isTensor, type InputValue } from "../input-values.ts";
import type { ModelPlan } from "../plan.ts";
import { tokenInputs } from "./generate.ts";

export type Inputs = Readonly<Record<string, InputValue>>;

/** Throws `RuntimeFailure` A0706 for an encoder that reads something else than tokens. */
export function requireTextEncoder(plan: ModelPlan): void {
  const other = plan.inputs.find((i) => i.default === undefined && i.name !== "input_ids" && i.name !== tokenInputs(plan).ids && !i.domain);
  if (other) throw new RuntimeFailure("A0706", { input: other.name, given: ["input_ids"] });
}

/** Texts as inputs of an encoder, shorter ones padded on the right. */
export function encoderInputs(plan: ModelPlan, texts: readonly (readonly number[])[]): Inputs {
  const width = Math.max(1, ...texts.map((t) => t.length));
  const made = (fill: number, of: (t: readonly number[]) => readonly number[]): Tensor => ({
    dtype: "i32", shape: [texts.length, width], data: Int32Array.from(texts.flatMap((t) => [...of(t), ...new Array<number>(width - t.length).fill(fill)])),
  });
  const ids = made(plan.generation.pad ?? 0, (t) => t);
  const ragged = texts.some((t) => t.length !== width);
  if (ragged && !plan.inputs.some((i) => i.name === "attention_mask"))
    throw new RuntimeFailure("A0705", { input: "input_ids", expected: "texts of one length, since the model reads no `attention_mask`", found: texts.map((t) => t.length).join(", ") });
  return { input_ids: ids, ...(ragged ? { attention_mask: made(0, (t) => t.map(() => 1)) } : {}) };
}

/** Rows of a batch, from the first tensor among the inputs; 1 without one. */
export function batchOf(inputs: Inputs): number {
  const tensor = Object.values(inputs).find((v): v is Tensor => isTensor(v) && v.shape.length > 0);
  return tensor?.shape[0] ?? 1;
}
