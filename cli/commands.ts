/** The commands as a table: what each takes and where its code is. A command's code is loaded when it is run. */
import type { Console } from "./console.ts";

export interface OptionSpec {
  /** As commander writes them: `-o, --output <dir>`. */
  readonly flags: string;
  readonly about: string;
  /** How the text becomes a value; text when absent and the flags name a value. */
  readonly kind?: "integer" | "number" | "list";
  readonly min?: number;
  readonly max?: number;
  readonly choices?: readonly string[];
  readonly required?: boolean;
}

export interface CommandSpec {
  readonly name: string;
  readonly about: string;
  readonly arguments: readonly { readonly name: string; readonly about: string; readonly required: boolean; readonly many?: boolean }[];
  readonly options: readonly OptionSpec[];
  /** Shown under the help text. */
  readonly examples: readonly string[];
  readonly load: () => Promise<CommandModule>;
}

/** Values of options by their long name in camel case. */
export type Options = Readonly<Record<string, unknown>>;

export interface CommandModule {
  /** Returns the exit code; 0 when nothing is returned. */
  run(args: readonly string[], options: Options, console: Console): Promise<number | void>;
}

const file = { name: "file", about: "an .adapt file", required: true };
const fileOrPlan = { name: "file", about: "an .adapt file, or a folder written by `adapt build`", required: true };
const model: OptionSpec = { flags: "--model <name>", about: "which exported model; needed when there are several" };
const device: OptionSpec = { flags: "--device <name>", about: "where to compute (default: auto)", choices: ["auto", "webgpu", "cpu", "reference"] };
const threads: OptionSpec = { flags: "--threads <n>", about: "threads of the cpu device (default: all cores)", kind: "integer", min: 1, max: 256 };
const json: OptionSpec = { flags: "--json", about: "machine-readable output" };
const dtype: OptionSpec = { flags: "--dtype <name>", about: "how the webgpu device stores weights; sums are made in f32 (default: f32)", choices: ["f32", "f16"] };

const adapters: OptionSpec = { flags: "--adapters <mode>", about: "adapters that can be folded into weights: auto by cost, fold always, side never (default: auto)", choices: ["auto", "fold", "side"] };

const input: OptionSpec = { flags: "--input <name=value>", about: "an input the spec declares: a number, a text, or a list with one for each row; may be repeated", kind: "list" };

const sampling: readonly OptionSpec[] = [
  { flags: "--max-tokens <n>", about: "stop after so many new tokens (default: 128)", kind: "integer", min: 1, max: 1_000_000 },
  { flags: "--temperature <t>", about: "0 takes the likeliest token (default: 0)", kind: "number", min: 0, max: 100 },
  { flags: "--top-k <k>", about: "sample among the k likeliest tokens", kind: "integer", min: 1, max: 10_000_000 },
  { flags: "--top-p <p>", about: "sample among the likeliest tokens that reach probability p", kind: "number", min: 0, max: 1 },
  { flags: "--min-p <p>", about: "drop tokens less likely than p times the likeliest", kind: "number", min: 0, max: 1 },
  { flags: "--repetition-penalty <r>", about: "divide the scores of tokens already seen", kind: "number", min: 0.01, max: 100 },
  { flags: "--seed <n>", about: "makes sampling repeatable", kind: "integer", min: 0, max: 2 ** 32 - 1 },
  { flags: "--stop <text>", about: "stop before this text; may be repeated", kind: "list" },
];

export const commands: readonly CommandSpec[] = [
  {
    name: "init", about: "write a spec for a base and adapters on disk", arguments: [],
    options: [
      { flags: "--base <dir>", about: "directory of the base checkpoint, or org/name on the hub", required: true },
      { flags: "--adapter <name=dir>", about: "an adapter, with the name it gets; may be repeated", kind: "list" },
      { flags: "-o, --output <file>", about: "where to write (default: standard output)" },
      { flags: "--force", about: "write over a file that is there" },
    ],
    examples: ["adapt init --base ./models/smol --adapter law=./adapters/law -o smol.adapt"],
    load: () => import("./commands/init.ts"),
  },
  {
    name: "check", about: "report what is wrong with a spec", arguments: [file],
    options: [json], examples: ["adapt check smol.adapt"],
    load: () => import("./commands/check.ts"),
  },
  {
    name: "build", about: "compile a spec to a folder that runs without the compiler", arguments: [file],
    options: [{ flags: "-o, --output <dir>", about: "the folder to write", required: true }, dtype, adapters],
    examples: ["adapt build smol.adapt -o dist/smol", "adapt run dist/smol --prompt 'Dear sir'"],
    load: () => import("./commands/build.ts"),
  },
  {
    name: "eval", about: "compute a model's outputs for tensors in a file", arguments: [fileOrPlan],
    options: [
      model,
      { flags: "--inputs <file>", about: "safetensors with the inputs by name (input_ids, attention_mask, ...)", required: true },
      { flags: "--outputs <file>", about: "safetensors to write, with the outputs by name (logits, ...)", required: true },
      input, device, threads, dtype, adapters,
      { flags: "--greedy <n>", about: "also add greedy_ids: the inputs continued by n tokens, without an end token", kind: "integer", min: 1, max: 1_000_000 },
      json,
    ],
    examples: ["adapt eval smol.adapt --inputs x.safetensors --outputs y.safetensors --device cpu"],
    load: () => import("./commands/eval.ts"),
  },
  {
    name: "run", about: "continue a text, or chat", arguments: [fileOrPlan],
    options: [
      model,
      { flags: "--prompt <text>", about: "the text to continue; - reads standard input" },
      { flags: "--chat", about: "talk to the model through its chat template" },
      { flags: "--system <text>", about: "with --chat: the system message" },
      input, ...sampling, device, threads, dtype, adapters,
    ],
    examples: ["adapt run smol.adapt --prompt 'Dear sir' --max-tokens 64", "adapt run smol.adapt --model counsel --chat", "adapt run smol.adapt --prompt 'Dear sir' --input tenant=acme --input trade=0.3,0.7"],
    load: () => import("./commands/run.ts"),
  },
  {
    name: "compare", about: "show every model of a spec on one prompt, and their perplexities", arguments: [fileOrPlan],
    options: [
      { flags: "--prompt <text>", about: "the text each model continues" },
      { flags: "--tokens <file>", about: "safetensors with token windows [N, S]: adds the perplexity table" },
      input, ...sampling, device, threads, dtype, adapters,
    ],
    examples: ["adapt compare examples/lantern.adapt --prompt 'In the beginning' --tokens examples/models/lantern/perplexity.safetensors"],
    load: () => import("./commands/compare.ts"),
  },
  {
    name: "perplexity", about: "perplexity of each model on windows of tokens", arguments: [fileOrPlan],
    options: [
      model,
      { flags: "--tokens <file>", about: "safetensors with token windows [N, S], one tensor a text", required: true },
      input, device, threads, dtype, adapters, json,
    ],
    examples: ["adapt perplexity examples/lantern.adapt --tokens examples/models/lantern/perplexity.safetensors"],
    load: () => import("./commands/perplexity.ts"),
  },
  {
    name: "merge", about: "merge checkpoints or adapters on disk",
    arguments: [{ name: "file", about: "an .adapt file with the merge; or use --mergekit", required: false }],
    options: [
      { flags: "-o, --output <dir>", about: "the directory to write; it appears when it is complete", required: true },
      { flags: "--name <name>", about: "which merged base or adapter of the program; with --compressed it may be repeated for bases", kind: "list" },
      { flags: "--compressed", about: "write the form a merge is stored in: masks of one bit and one vector, codes and levels" },
      { flags: "--mergekit <file>", about: "a mergekit YAML file instead of a program" },
      { flags: "--models <dir>", about: "with --mergekit: where relative model names are looked up (default: .)" },
      { flags: "--seed <n>", about: "with --mergekit: the seed of methods that draw random elements (default: 0)", kind: "integer", min: 0, max: 2 ** 32 - 1 },
      { flags: "--vocabulary <rule>", about: "with --mergekit: embeddings of different sizes are an error, or cut to their common rows (default: same)", choices: ["same", "common"] },
      { flags: "--shard-size <gb>", about: "most gigabytes of tensors in one file (default: 5)", kind: "number", min: 0.001, max: 1000 },
    ],
    examples: ["adapt merge spec.adapt --name mixed -o merged", "adapt merge --mergekit ties.yml --models ./models -o merged", "adapt merge tasks.adapt --compressed --name for_law --name for_tax -o tasks"],
    load: () => import("./commands/merge.ts"),
  },
  {
    name: "export", about: "write a merge of a program as a file of another tool", arguments: [file],
    options: [
      { flags: "--mergekit", about: "a mergekit YAML file" },
      { flags: "--name <base>", about: "which merged base of the program", required: true },
      { flags: "-o, --output <file>", about: "where to write (default: standard output)" },
    ],
    examples: ["adapt export spec.adapt --mergekit --name mixed -o mixed.yml"],
    load: () => import("./commands/export.ts"),
  },
  {
    name: "explain", about: "what a spec means and costs, or what a diagnostic code means",
    arguments: [{ name: "file", about: "an .adapt file, or a code such as A0301", required: true }],
    options: [
      model,
      { flags: "--print-after <pass>", about: "print the graph after this pass; `list` names the passes" },
      adapters, json,
    ],
    examples: ["adapt explain smol.adapt", "adapt explain A0301", "adapt explain smol.adapt --print-after fold"],
    load: () => import("./commands/explain.ts"),
  },
  {
    name: "fmt", about: "format .adapt files in place",
    arguments: [{ name: "files", about: ".adapt files, or folders to look for them in", required: true, many: true }],
    options: [{ flags: "--check", about: "only say which files would change; exit 1 if any" }],
    examples: ["adapt fmt smol.adapt", "adapt fmt --check ."],
    load: () => import("./commands/fmt.ts"),
  },
  {
    name: "devices", about: "list the devices a model can run on", arguments: [], options: [json], examples: ["adapt devices"],
    load: () => import("./commands/devices.ts"),
  },
];
