/**
 * The generation loop: one pass over the prompts, then one token a row and pass, with the keys and values of earlier
 * tokens kept on the device. Prompts of different lengths are padded on the left; positions count from the first
 * real token, as transformers' `generate` does. The inputs of an encoder are given at every pass, and what depends on
 * them alone is computed at the first.
 */
import type { Executable, StateHandle, Tensor } from "../device.ts";
import { addedRows } from "../added-rows.ts";
import { RuntimeFailure } from "../errors.ts";
import type { ModelPlan } from "../plan.ts";
import { completeInputs } from "../inputs.ts";
import type { InputValue } from "../input-values.ts";
import { constrained, startRows } from "./constraints.ts";
import { checkSampling, chooseToken, withDefaults, type SamplingOptions } from "./sampling.ts";

export interface LoopOptions extends SamplingOptions {
  /** New tokens a row gets at most; default 128. */
  readonly maxTokens?: number;
  /** Ids that end a row; default those of the model's config. An empty list never ends. */
  readonly eos?: readonly number[];
  readonly signal?: AbortSignal;
  /**
   * Inputs that the program declares (`input tenant: String`), by name; a list has one value for each prompt. Those of an
   * encoder go here too.
   */
  readonly inputs?: Readonly<Record<string, InputValue>>;
}

/** `length`: maxTokens reached; `positions`: the model's last position reached; `stop`: the caller ended the row. */
export type FinishReason = "eos" | "length" | "positions" | "stop" | "aborted";

/** A token chosen for a row. `finish` comes with the row's last one. */
export interface TokenEvent {
  readonly row: number;
  readonly token: number;
  readonly finish?: FinishReason;
}

export interface LoopControl {
  /** Asked after each token: should this row end (a stop string was found)? */
  readonly ended?: (row: number) => boolean;
  /** Real tokens (1) and padding (0) of prompts that are padded already; all are real by default. */
  readonly masks?: readonly (readonly number[])[];
}

interface Model { readonly plan: ModelPlan; readonly executable: Executable }

/** The names of the inputs that grow token by token: of a decoder beside an encoder, transformers' names with `decoder_`. */
export function tokenInputs(plan: ModelPlan): { readonly ids: string; readonly mask: string; readonly positions: string } {
  const before = hasEncoder(plan) ? "decoder_" : "";
  return { ids: `${before}input_ids`, mask: `${before}attention_mask`, positions: `${before}position_ids` };
}

export const hasEncoder = (plan: ModelPlan): boolean => plan.role === "encoder_decoder_lm";

/**
 * Yields tokens in order, rows within a step in order. Shorter prompts are padded on the left here. Throws
 * `RuntimeFailure`; an abort ends the loop without a throw.
 */
export async function* tokenLoop(
  model: Model, prompts: readonly (readonly number[])[], options: LoopOptions = {},
  control: LoopControl = {},
): AsyncGenerator<TokenEvent, void, undefined> {
  checkSampling(options);
  const { plan, executable } = model;
  const budget = options.maxTokens ?? 128;
  if (!Number.isInteger(budget) || budget < 0) throw new RuntimeFailure("A0714", { option: "maxTokens", found: budget, expected: "a whole number from 0" });
  if (options.eos !== undefined && !Array.isArray(options.eos)) throw new RuntimeFailure("A0714", { option: "eos", found: options.eos, expected: "a list of token ids" });
  const broken = prompts.flat().find((id) => !Number.isInteger(id));
  if (broken !== undefined) throw new RuntimeFailure("A0714", { option: "prompt", found: broken, expected: "token ids, which are whole numbers" });
  const eos = new Set(options.eos ?? plan.generation.eos);
  const pad = plan.generation.pad ?? plan.generation.eos[0] ?? 0;
  const { ids, mask, width } = leftPadded(prompts, pad, control.masks);
  const batch = prompts.length;
  const limit = plan.generation.maxPositions ?? Infinity;
  if (batch === 0 || budget === 0) return;
  if (width === 0) throw new RuntimeFailure("A0714", { option: "prompt", found: "an empty prompt", expected: "at least one token" });
  const lengths = mask.map((m) => m.reduce((a, b) => a + b, 0));
  const longest = Math.max(...lengths);
  const virtual = addedRows(plan);
  if (longest + virtual > limit) throw new RuntimeFailure("A0715", { tokens: longest + virtual, limit });

  // Padding counts as seen, as in transformers.
  const rows = ids.map((r) => [...r]), seen = ids.map((r) => new Set(r));
  const sampling = withDefaults(options, plan.generation);
  const finished = new Array<boolean>(batch).fill(false);
  const state = executable.newState(batch, virtual + Math.min(width + budget, width + 1024));
  try {
    let next = ids.flat();
    let columns = width;
    for (let step = 0; step < budget; step++) {
      if (options.signal?.aborted) return;
      const logits = await nextLogits(model, state, { ...options.inputs, ...stepInputs(plan, next, mask, columns) }, options.signal).catch((e: unknown) => {
        if (options.signal?.aborted) return undefined;
        throw e;
      });
      if (!logits) return;
      next = [];
      for (let row = 0; row < batch; row++) {
        if (finished[row]) {
          next.push(pad);
          continue;
        }
        const isLast = step + 1 === budget || lengths[row]! + virtual + 1 >= limit;
        const scores = constrained(rowOf(logits, row), plan.generation, { step, prompt: width, isLast, eos, row: rows[row]! });
        const token = chooseToken(scores, seen[row]!, sampling, row, step);
        seen[row]!.add(token);
        rows[row]!.push(token);
        next.push(token);
        lengths[row]!++;
        const finish: FinishReason | undefined = eos.has(token) ? "eos" : step + 1 === budget ? "length" : lengths[row]! + virtual >= limit ? "positions" : undefined;
        yield finish ? { row, token, finish } : { row, token };
        if (finish || control.ended?.(row)) finished[row] = true;
      }
      if (finished.every(Boolean)) return;
      for (const m of mask) m.push(1);
      columns = 1;
    }
  } finally {
    state.dispose();
  }
}

/** Prompts of one width, zeros on the left of `mask` where they were padded. */
export function leftPadded(
  prompts: readonly (readonly number[])[], pad: number, masks?: readonly (readonly number[])[],
): { ids: number[][]; mask: number[][]; width: number } {
  const width = Math.max(0, ...prompts.map((p) => p.length));
  const fill = (n: number, x: number): number[] => new Array<number>(n).fill(x);
  return {
    width,
    ids: prompts.map((p) => [...fill(width - p.length, pad), ...p]),
    mask: prompts.map((p, row) => [...fill(width - p.length, 0), ...(masks?.[row] ?? fill(p.length, 1))]),
  };
}

/** Positions count real tokens from 0; padding gets 1, as transformers gives it. */
export function positionsOf(mask: readonly number[]): number[] {
  let n = 0;
  return mask.map((m) => (m ? n++ : 1));
}

/**
 * What the decoder of each row begins with, by the plan, when the encoder reads `source`. Throws `RuntimeFailure` A0706 where
 * the configs do not say it.
 */
export async function decoderStart(model: Model, source: Readonly<Record<string, InputValue>>, batch: number, signal?: AbortSignal): Promise<number[][]> {
  const { plan, executable } = model;
  if (!plan.generation.start) throw new RuntimeFailure("A0706", { input: tokenInputs(plan).ids, given: Object.keys(source) });
  return startRows(plan.generation.start, batch, async (rows) => {
    const state = executable.newState(batch, rows[0]!.length);
    try {
      const inputs = { ...source, ...stepInputs(plan, rows.flat(), rows.map((r) => r.map(() => 1)), rows[0]!.length) };
      const logits = await nextLogits(model, state, inputs, signal);
      return rows.map((_, row) => rowOf(logits, row));
    } finally {
      state.dispose();
    }
  });
}

/** Inputs for the last `columns` columns of the masks. */
function stepInputs(plan: ModelPlan, ids: readonly number[], mask: readonly (readonly number[])[], columns: number): Record<string, Tensor> {
  const batch = mask.length;
  const i32 = (shape: number[], data: readonly number[]): Tensor => ({ dtype: "i32", shape, data: Int32Array.from(data) });
  const names = tokenInputs(plan);
  return {
    [names.ids]: i32([batch, columns], ids),
    [names.mask]: i32([batch, mask[0]!.length], mask.flat()),
    [names.positions]: i32([batch, columns], mask.flatMap((m) => positionsOf(m).slice(-columns))),
  };
}

const rowOf = (logits: Tensor, row: number): Float32Array => {
  const vocabulary = logits.shape[logits.shape.length - 1]!;
  return (logits.data as Float32Array).subarray(row * vocabulary, (row + 1) * vocabulary);
};

/** Logits `[B, .., V]` whose last row a batch row is the next token's: `next_logits`, or the end of `logits`. */
async function nextLogits(
  { plan, executable }: Model, state: StateHandle, inputs: Readonly<Record<string, InputValue>>, signal?: AbortSignal,
): Promise<Tensor> {
  const short = plan.outputs.some((o) => o.name === "next_logits");
  // A model need not read what the loop makes.
  const made = Object.values(tokenInputs(plan));
  const known = Object.fromEntries(Object.entries(inputs).filter(([name]) => !made.includes(name) || plan.inputs.some((i) => i.name === name)));
  const name = short ? "next_logits" : "logits";
  const found = (await executable.run(completeInputs(plan, known, state.length), state, { outputs: [name], signal }))[name]!;
  if (short) return found;
  const [batch, rows, width] = found.shape as [number, number, number];
  const data = new Float32Array(batch * width);
  for (let b = 0; b < batch; b++) data.set((found.data as Float32Array).subarray(((b + 1) * rows - 1) * width, (b + 1) * rows * width), b * width);
  return { dtype: "f32", shape: [batch, 1, width], data };
}
