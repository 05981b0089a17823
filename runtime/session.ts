/** A model of a plan on a device: run named tensors, generate text, score tokens. */
import type { OpenCheckpoint } from "./checkpoint/open.ts";
import { openSources, weightSource } from "./checkpoint/weights.ts";
import type { FileSystem } from "./checkpoint/files.ts";
import { chooseDevice, type DeviceName, type DeviceProviders } from "./choose-device.ts";
import type { Device, DeviceInfo, Executable, RunOptions, Tensor } from "./device.ts";
import { RuntimeFailure } from "./errors.ts";
import { completeInputs } from "./inputs.ts";
import type { InputValue } from "./input-values.ts";
import type { ModelPlan, Plan } from "./plan.ts";
import { checkPlan } from "./plan-load.ts";
import { batchOf, encoderInputs, requireTextEncoder, type Inputs } from "./text/encoder.ts";
import { decoderStart, hasEncoder, tokenInputs, tokenLoop } from "./text/generate.ts";
import { checkPrompts, promptIds, startGeneration, type GenerateOptions, type Generation, type Prompt } from "./text/generation.ts";
import { logProbability } from "./text/sampling.ts";
import { loadTokenizer, type ChatMessage, type Tokenizer } from "./text/tokenizer.ts";

/** A plan with what its paths are relative to. */
export interface PlanAccess {
  readonly plan: Plan;
  readonly files: FileSystem;
  /** `kernels.wasm`, which the cpu device runs. */
  readonly wasm?: Uint8Array;
}

export interface OpenOptions {
  /** Default `auto`: a real GPU, else the cpu. */
  readonly device?: DeviceName;
  /** Needed when the plan exports several. */
  readonly model?: string;
  /** Threads of the cpu device; default all cores. */
  readonly threads?: number;
  readonly signal?: AbortSignal;
  /** Weights loaded so far and in all. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface PerplexityOptions {
  readonly inputs?: Readonly<Record<string, InputValue>>;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Session {
  /** Name of the model. */
  readonly model: string;
  readonly device: DeviceInfo;
  /** Why this device, a clause. */
  readonly reason: string;
  /** The device and why, for people: `cpu, 4 threads (this build has no WebGPU)`. */
  readonly deviceText: string;
  /** Kernel launches of this model so far; 0 on the reference device. */
  readonly dispatches: number;
  /** Bytes of weights resident on the device. */
  readonly weightBytes: number;
  /** Models the plan exports. */
  readonly models: readonly string[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** What the model's configs ask of a generation that is done only when asked for, or not at all: sentences for people. */
  readonly remarks: readonly string[];
  /** Another model of the plan on the same device; it is loaded beside this one and disposed on its own. */
  open(model: string): Promise<Session>;
  /**
   * Runs the model once, from an empty context. Inputs with a default may be left out. Those the program declares may be plain
   * values: a number, a text, or a list with one for each row.
   */
  run(inputs: Readonly<Record<string, InputValue>>, options?: RunOptions): Promise<Record<string, Tensor>>;
  /** Continues a text, a conversation or ids; several prompts are one batch. With an encoder, answers what it reads. */
  generate(prompt: Prompt | readonly Prompt[], options?: GenerateOptions): Promise<Generation>;
  /** Continues one text or conversation, streaming: text as it becomes certain, and how many tokens there are so far. */
  stream(prompt: string | readonly ChatMessage[], options?: GenerateOptions): AsyncIterable<{ readonly text: string; readonly tokens: number }>;
  /** The input whose ids it continues, and which need not be given to `generate` and `greedy` where there is an encoder. */
  readonly continues: string;
  /** May it `generate`, and does its text continue the prompt, or answer it? Absent: it is no language model. */
  readonly writes?: "continuation" | "answer";
  /**
   * The inputs continued by `n` likeliest tokens, without an end token: i32 [B, S + n]. A mask marks padding on the left. With
   * an encoder, S counts the decoder's ids that were given, or else those the configs begin with.
   */
  greedy(inputs: Readonly<Record<string, InputValue>>, n: number, signal?: AbortSignal): Promise<Tensor>;
  /** Log-likelihood (natural log) of every token but the first, given those before it. */
  logLikelihood(ids: readonly number[], options?: { readonly inputs?: Readonly<Record<string, InputValue>> }): Promise<Float64Array>;
  /** exp of the mean negative log-likelihood over windows of ids, each from an empty context. */
  perplexity(windows: readonly (readonly number[])[], options?: PerplexityOptions): Promise<number>;
  tokenizer(): Promise<Tokenizer>;
  dispose(): void;
}

/** Opens a model of a plan. Rejects with `RuntimeFailure`. */
export async function openPlan(access: PlanAccess, providers: DeviceProviders, options: OpenOptions = {}): Promise<Session> {
  const plan = checkPlan(access.plan);
  const name = modelName(plan, options.model);
  const model = plan.models[name]!;
  const choice = await chooseDevice(options.device ?? "auto", providers, { threads: options.threads });
  try {
    requireProgram(choice.device, name, model);
    const shared: Shared = { access: { ...access, plan }, device: choice.device, reason: choice.reason, sources: await openSources(plan, access.files), users: 0 };
    return await load(shared, name, options);
  } catch (e) {
    choice.device.dispose();
    throw e;
  }
}

/** What sessions of one plan have in common. */
interface Shared {
  readonly access: PlanAccess;
  readonly device: Device;
  readonly reason: string;
  readonly sources: ReadonlyMap<string, OpenCheckpoint>;
  users: number;
  tokenizer?: Promise<Tokenizer>;
}

function modelName(plan: Plan, asked: string | undefined): string {
  const known = Object.keys(plan.models);
  if (asked === undefined && known.length === 1) return known[0]!;
  if (asked === undefined || !Object.hasOwn(plan.models, asked)) throw new RuntimeFailure("A0708", { model: asked, known });
  return asked;
}

function requireProgram(device: Device, name: string, model: ModelPlan): void {
  const { kind } = device.info;
  if (kind !== "reference" && !model.programs[kind])
    throw new RuntimeFailure("A0701", { device: kind, reason: `the plan was built without kernels for it (model \`${name}\`)` });
}

async function load(shared: Shared, name: string, options: Pick<OpenOptions, "signal" | "onProgress">): Promise<Session> {
  const model = shared.access.plan.models[name]!;
  const weights = weightSource(model, shared.sources, options.signal);
  const executable = await shared.device.load(model, weights, shared.access.wasm, options.onProgress);
  shared.users++;
  return new OpenSession(shared, name, model, executable);
}

class OpenSession implements Session {
  readonly models: readonly string[];
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly model: string;
  readonly #shared: Shared;
  readonly #plan: ModelPlan;
  readonly #executable: Executable;
  #disposed = false;

  constructor(shared: Shared, name: string, plan: ModelPlan, executable: Executable) {
    this.#shared = shared;
    this.model = name;
    this.#plan = plan;
    this.#executable = executable;
    this.models = Object.keys(shared.access.plan.models);
    this.inputs = plan.inputs.map((i) => i.name);
    this.outputs = plan.outputs.map((o) => o.name);
  }

  get device(): DeviceInfo {
    return this.#executable.info;
  }
  get reason(): string {
    return this.#shared.reason;
  }
  get deviceText(): string {
    const { kind, name, threads } = this.device;
    const what = kind === "webgpu" ? `webgpu, ${name}` : threads === undefined ? kind : `${kind}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
    return `${what} (${this.reason})`;
  }
  get dispatches(): number {
    return this.#executable.dispatches;
  }
  get weightBytes(): number {
    return this.#executable.weightBytes;
  }
  get remarks(): readonly string[] {
    return this.#plan.generation.remarks ?? [];
  }
  get continues(): string {
    return tokenInputs(this.#plan).ids;
  }
  get writes(): "continuation" | "answer" | undefined {
    return hasEncoder(this.#plan) ? "answer" : this.#plan.role === "causal_lm" ? "continuation" : undefined;
  }

  async open(model: string): Promise<Session> {
    this.#check();
    const name = modelName(this.#shared.access.plan, model);
    requireProgram(this.#shared.device, name, this.#shared.access.plan.models[name]!);
    return load(this.#shared, name, {});
  }

  async run(inputs: Readonly<Record<string, InputValue>>, options: RunOptions = {}): Promise<Record<string, Tensor>> {
    this.#check();
    const unknown = options.outputs?.find((o) => !this.outputs.includes(o));
    if (unknown !== undefined) throw new RuntimeFailure("A0707", { output: unknown, known: this.outputs });
    return this.#executable.run(completeInputs(this.#plan, inputs, 0), undefined, options);
  }

  async generate(prompt: Prompt | readonly Prompt[], options: GenerateOptions = {}): Promise<Generation> {
    this.#requireWriter();
    const prompts: readonly Prompt[] = Array.isArray(prompt) ? (prompt as readonly Prompt[]) : [prompt as Prompt];
    checkPrompts(prompts, options);
    if (hasEncoder(this.#plan) && !prompts.some((p) => typeof p === "object" && "inputs" in p)) requireTextEncoder(this.#plan);
    const needsText = prompts.some((p) => typeof p === "string" || "chat" in p);
    const tokenizer = !needsText && !options.stop?.length ? await this.tokenizer().catch(() => undefined) : await this.tokenizer();
    const parts = { plan: this.#plan, executable: this.#executable, tokenizer };
    const [only] = prompts, read = prompts.length === 1 && typeof only === "object" && "inputs" in only ? only.inputs : undefined;
    if (read && hasEncoder(this.#plan)) return startGeneration(parts, ...(await this.#answering(read, options)));
    const ids = prompts.map((p) => promptIds(p, tokenizer!));
    return hasEncoder(this.#plan) ? startGeneration(parts, ...(await this.#answering(encoderInputs(this.#plan, ids), options))) : startGeneration(parts, ids, options);
  }

  async *stream(prompt: string | readonly ChatMessage[], options: GenerateOptions = {}): AsyncGenerator<{ readonly text: string; readonly tokens: number }> {
    let tokens = 0;
    for await (const piece of await this.generate(typeof prompt === "string" ? prompt : { chat: prompt }, options)) {
      if (piece.token !== undefined) tokens++;
      yield { text: piece.text, tokens };
    }
  }

  async greedy(inputs: Readonly<Record<string, InputValue>>, n: number, signal?: AbortSignal): Promise<Tensor> {
    this.#requireWriter();
    const names = tokenInputs(this.#plan);
    const begins = hasEncoder(this.#plan) && inputs[names.ids] === undefined;
    const { [names.ids]: ids, [names.mask]: mask, [names.positions]: _, ...more } = begins ? { ...inputs } as Record<string, Tensor> : completeInputs(this.#plan, inputs, 0, false);
    // The loop adds virtual tokens itself.
    for (const i of this.#plan.inputs) if (i.adds) delete more[i.name];
    if (!begins && !ids) throw new RuntimeFailure("A0706", { input: names.ids, given: Object.keys(inputs) });
    const rows = ids ? rowsOf(ids) : await decoderStart({ plan: this.#plan, executable: this.#executable }, more, batchOf(more), signal);
    const out = rows.map((r) => [...r]);
    const control = mask ? { masks: rowsOf(mask) } : {};
    for await (const { row, token } of tokenLoop({ plan: this.#plan, executable: this.#executable }, rows, { maxTokens: n, eos: [], signal, inputs: more }, control)) out[row]!.push(token);
    signal?.throwIfAborted();
    return { dtype: "i32", shape: [rows.length, out[0]?.length ?? 0], data: Int32Array.from(out.flat()) };
  }

  async logLikelihood(ids: readonly number[], options: { readonly inputs?: Readonly<Record<string, InputValue>> } = {}): Promise<Float64Array> {
    return (await this.#scores([ids], options))[0]!;
  }

  async perplexity(windows: readonly (readonly number[])[], options: PerplexityOptions = {}): Promise<number> {
    if (!windows.some((w) => w.length > 1)) throw new RuntimeFailure("A0714", { option: "windows", found: `${windows.length} windows`, expected: "a window of at least two tokens, of which the second is scored" });
    let sum = 0, count = 0;
    for (let at = 0; at < windows.length; ) {
      // Windows of one length share a batch, as many as keep the logits small.
      const length = windows[at]!.length;
      const next = windows.slice(at, at + Math.max(1, Math.floor(2048 / length)));
      const other = next.findIndex((w) => w.length !== length), part = other < 0 ? next : next.slice(0, other);
      options.signal?.throwIfAborted();
      for (const scores of await this.#scores(part, options)) for (const s of scores) (sum -= s), count++;
      at += part.length;
      options.onProgress?.(at, windows.length);
    }
    return Math.exp(sum / count);
  }

  tokenizer(): Promise<Tokenizer> {
    this.#check();
    return (this.#shared.tokenizer ??= this.#loadTokenizer());
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#executable.dispose();
    if (--this.#shared.users === 0) this.#shared.device.dispose();
  }

  async #scores(windows: readonly (readonly number[])[], { inputs, signal }: PerplexityOptions): Promise<Float64Array[]> {
    this.#requireCausal();
    const width = windows[0]!.length;
    const input: Tensor = { dtype: "i32", shape: [windows.length, width], data: Int32Array.from(windows.flat()) };
    const logits = (await this.run({ ...inputs, input_ids: input }, { outputs: ["logits"], signal }))["logits"]!;
    const vocabulary = logits.shape[2]!, rows = logits.shape[1]!;
    // Rows of virtual tokens come first.
    const row = (b: number, s: number): Float32Array => {
      const at = (b * rows + rows - width + s) * vocabulary;
      return (logits.data as Float32Array).subarray(at, at + vocabulary);
    };
    return windows.map((w, b) => Float64Array.from(w.slice(1), (token, s) => logProbability(row(b, s), token)));
  }

  async #loadTokenizer(): Promise<Tokenizer> {
    for (const [name, source] of Object.entries(this.#shared.access.plan.sources))
      if (source.kind === "base" && source.tokenizer) return loadTokenizer(this.#shared.sources.get(name)!.directory);
    throw new RuntimeFailure("A0716", { what: this.model, reason: "its base has no tokenizer; give token ids" });
  }

  /** What the decoder begins with, and options that carry what the encoder reads. */
  async #answering(read: Inputs, options: GenerateOptions): Promise<[number[][], GenerateOptions]> {
    const inputs = { ...options.inputs, ...read };
    return [await decoderStart({ plan: this.#plan, executable: this.#executable }, inputs, batchOf(read), options.signal), { ...options, inputs }];
  }

  #requireWriter(): void {
    this.#check();
    if (this.writes === undefined) throw new RuntimeFailure("A0717", { model: this.model, role: this.#plan.role });
  }

  #requireCausal(): void {
    this.#check();
    if (this.#plan.role !== "causal_lm") throw new RuntimeFailure("A0717", { model: this.model, role: this.#plan.role });
  }

  #check(): void {
    if (this.#disposed) throw new RuntimeFailure("A0718", { what: "The session" });
  }
}

function rowsOf(t: Tensor): number[][] {
  const [rows, width] = t.shape as [number, number];
  return Array.from({ length: rows }, (_, r) => Array.from(t.data.subarray(r * width, (r + 1) * width)));
}
