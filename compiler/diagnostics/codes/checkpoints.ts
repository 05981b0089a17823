/** 06: files with tensors. */
import type { Span } from "../../base/source.ts";
import { closest, error, expectedFound, here, names, plural, there, warning } from "../entry.ts";

/** A tensor that differs, and how many others do in the same way. */
export interface Disagreement { readonly at: Span; readonly tensor: string; readonly expected: string; readonly found: string; readonly count: number }

/** What the library has of the same family: names that agree up to the head (`BertFor...`). */
function alike(name: string, known: readonly string[]): string {
  const family = (of: string): string => of.replace(/(For[A-Z].*|(LMHead|Double\w*)?Model.*)$/, "");
  const near = known.filter((k) => family(k) === family(name));
  return near.length > 0 ? `Of this family the library knows ${names(near)}.` : "The files of `std/architectures` say which ones the library reads.";
}

export const checkpointCodes = {
  A0601: error("Adapter was trained for another width", (p: Disagreement & { base?: Span; baseLabel?: string; foundLabel?: string; help?: string }) => ({
    labels: [here(p.at, p.foundLabel ?? "made for another width"), ...there(p.base, p.baseLabel ?? "this base")],
    body: firstOf(p.count),
    table: [[p.tensor], ...expectedFound(p.expected, p.found)],
    help: p.help,
  }), `
The shapes of an adapter's tensors come from the base it was trained on. Another width means another base.
`),

  A0603: error("Adapter is for another architecture", (p: { at: Span; base?: Span; baseLabel?: string; body: string; tensors?: readonly string[]; help?: string }) => ({
    labels: [here(p.at, "made for other modules"), ...there(p.base, p.baseLabel ?? "this base")],
    body: p.body,
    table: p.tensors?.slice(0, 4).map((name) => [name]),
    help: p.help,
  }), `
The modules an adapter names do not exist in the base.
`),

  A0604: error("Adapter has more layers than the base", (p: { at: Span; base?: Span; expected: string; found: string; tensor: string; count: number }) => ({
    labels: [here(p.at, `has tensors for ${p.found}`), ...there(p.base, `has ${p.expected}`)],
    body: firstOf(p.count),
    table: [[p.tensor], ...expectedFound(p.expected, p.found)],
    help: "check which base this adapter was trained on",
  }), `
The adapter holds tensors for layers that the base does not have.
`),

  A0605: error("Tensor is missing", (p: { at: Span; tensor: string; file: string; shape?: string; needed?: Span; neededLabel?: string; count: number; candidates?: readonly string[] }) => ({
    labels: [here(p.at, p.count > 1 ? `lacks ${plural(p.count, "tensor")}` : "lacks a tensor"), ...there(p.needed, p.neededLabel ?? "needed here")],
    body: p.count > 1 ? `The first of ${p.count} that \`${p.file}\` does not hold:` : `\`${p.file}\` does not hold:`,
    table: [p.shape === undefined ? [p.tensor] : [p.tensor, p.shape]],
    help: closest(p.at, p.tensor, p.candidates ?? []).help,
  }), `
Everything the network computes with must be supplied by the file.
`),

  A0606: error("Tensor is left over", (p: { at: Span; tensor: string; file: string; shape?: string; count: number; body?: string; help?: string }) => ({
    labels: [here(p.at, p.count > 1 ? `holds ${plural(p.count, "tensor")} nothing uses` : "holds a tensor nothing uses")],
    body: p.body ?? (p.count > 1 ? `The first of ${p.count} in \`${p.file}\` that no part of the network reads:` : `In \`${p.file}\`, no part of the network reads:`),
    table: [p.shape === undefined ? [p.tensor] : [p.tensor, p.shape]],
    help: p.help,
  }), `
A tensor that nothing consumes usually means that the file belongs to another network. It is refused, never ignored.
`),

  A0607: error("File is cut short", (p: { at: Span; file: string; detail: string; tensor?: string }) => ({
    labels: [here(p.at, `\`${p.file}\` ends too early`)],
    body: p.detail,
    help: "copy or download the file again",
  }), `
The header of a checkpoint promises more bytes than the file has.
`),

  A0608: error("Tensor has a dtype that is not read", (p: { at: Span; file: string; tensor: string; dtype: string; known: readonly string[]; detail?: string }) => ({
    labels: [here(p.at, `\`${p.file}\` holds ${p.dtype}`)],
    body: p.detail ?? `\`${p.tensor}\` has dtype ${p.dtype}. Those read are ${names(p.known)}.`,
  }), `
A dtype is read when its values can be used without changing them.
`),

  A0609: error("Tensors overlap", (p: { at: Span; file: string; detail: string }) => ({
    labels: [here(p.at, `\`${p.file}\` is damaged`)],
    body: p.detail,
  }), `
Two tensors of a file claim the same bytes. No program writes such a file by intention.
`),

  A0610: error("Tensor lies outside its file", (p: { at: Span; file: string; detail: string }) => ({
    labels: [here(p.at, `\`${p.file}\` is damaged`)],
    body: p.detail,
  }), `
The header gives a tensor a place beyond the end of the file.
`),

  A0611: error("Directory has no config", (p: { at: Span; path: string; config: string; listing?: readonly string[] }) => ({
    labels: [here(p.at, `no \`${p.config}\` here`)],
    body: p.listing && p.listing.length > 0 ? `It holds ${names(p.listing)}.` : undefined,
    help: p.config === "adapter_config.json" ? "name the directory that PEFT wrote, with `adapter_config.json` in it" : `name the directory that holds \`${p.config}\``,
  }), `
A base directory holds \`config.json\`, an adapter directory \`adapter_config.json\`.
`),

  A0612: error("Directory is not found", (p: { at: Span; path: string; location?: string; detail?: string }) => ({
    labels: [here(p.at, "there is no such directory")],
    body: p.detail ?? (p.location === undefined ? undefined : `Looked for \`${p.location}\`.`),
    help: p.path.includes("\\") ? "write `/` between the parts of a path, on every system" : "paths are relative to the file they stand in",
  }), `
\`pretrained("./dir")\` names a directory relative to the \`.adapt\` file; \`pretrained("org/name")\` a model on the hub.
`),

  A0613: error("Path leaves its directory", (p: { at: Span; path: string; file?: string; detail?: string }) => ({
    labels: [here(p.at, p.file === undefined ? "leads outside" : `\`${p.file}\` names a file outside`)],
    body: p.detail ?? `\`${p.path}\` leads out of the checkpoint's directory. No file that is read may point elsewhere.`,
    help: p.file === undefined ? undefined : "copy the file into the directory, or name the directory where it is",
  }), `
Files named inside a checkpoint (the shards of an index, for instance) must lie in the checkpoint's directory.
`),

  A0614: error("JSON file cannot be read", (p: { at: Span; file: string; detail: string }) => ({
    labels: [here(p.at, `\`${p.file}\` is not JSON`)], body: p.detail,
  }), `
Config and index files are JSON objects.
`),

  A0615: error("Header cannot be read", (p: { at: Span; file: string; detail: string }) => ({
    labels: [here(p.at, `\`${p.file}\` is not a safetensors file`)], body: p.detail,
  }), `
A safetensors file begins with the length of its header and the header itself, a JSON object.
`),

  A0616: error("Shard is missing", (p: { at: Span; file: string; detail: string }) => ({
    labels: [here(p.at, p.file.endsWith(".index.json") ? `\`${p.file}\` and its shards disagree` : `\`${p.file}\` is not there`)], body: p.detail, help: "copy or download the whole directory",
  }), `
The index of a checkpoint in several files names a file that is not in the directory.
`),

  A0617: error("Directory has no weights", (p: { at: Span; path: string; listing?: readonly string[]; detail?: string }) => ({
    labels: [here(p.at, "no file with tensors here")],
    body: p.detail ?? (p.listing && p.listing.length > 0 ? `It holds ${names(p.listing)}.` : undefined),
  }), `
Weights are read from \`model.safetensors\` or \`pytorch_model.bin\`, one file or an index with its shards; of an adapter from
\`adapter_model.safetensors\`, \`adapter.safetensors\`, \`adapter_model.bin\` or \`pytorch_adapter.bin\`.
`),

  A0618: error("Tensor is in two files", (p: { at: Span; file: string; detail: string }) => ({
    labels: [here(p.at, `\`${p.file}\` repeats a tensor`)], body: p.detail,
  }), `
Each tensor of a checkpoint stands in one file.
`),

  A0619: error("Tensor has another shape", (p: Disagreement & { declared?: Span; declaredLabel?: string; help?: string }) => ({
    labels: [here(p.at, p.count > 1 ? `${p.count} tensors disagree` : "one tensor disagrees"), ...there(p.declared, p.declaredLabel ?? "the shape is set here")],
    body: firstOf(p.count),
    table: [[p.tensor], ...expectedFound(p.expected, p.found)],
    help: p.help,
  }), `
A tensor's shape in the file must be the shape its declaration gives it, with the dims of the config.
`),

  A0620: error("File and text disagree", (p: { at: Span; name: string; file: string; expected: string; found: string; path?: Span }) => ({
    labels: [here(p.at, `the file has ${p.found}`), ...there(p.path, "in this directory")],
    body: `\`${p.name}\` stands in both the text and \`${p.file}\`, and they must agree.`,
    table: expectedFound(`${p.expected}   (in the text)`, `${p.found}   (in \`${p.file}\`)`),
    help: `write ${p.found}, or leave \`${p.name}\` out`,
  }), `
Arguments and the config of the directory after \`from\` may both be given when they say the same.
`),

  A0621: error("Architecture is not in the library", (p: { at: Span; architecture: string; known: readonly string[]; file?: string }) => ({
    labels: [here(p.at, `its ${p.file ?? "config.json"} says \`${p.architecture}\``)],
    body: alike(p.architecture, p.known),
    help: "declare it: `architecture ... { reads \"" + p.architecture + "\" ... }`",
  }), `
The architecture of a base is chosen by its \`config.json\`. New ones are declared in Adapt.
`),

  A0622: error("Kind of adapter is not in the library", (p: { at: Span; kind: string; known: readonly string[]; file?: string }) => ({
    labels: [here(p.at, `its ${p.file ?? "adapter_config.json"} says \`${p.kind}\``)],
    body: p.known.length > 0 ? `The library reads ${names(p.known)}.` : undefined,
  }), `
The method of an adapter directory is chosen by its \`adapter_config.json\`.
`),

  A0623: error("Model cannot be fetched", (p: { at: Span; path: string; detail: string; help?: string }) => ({
    labels: [here(p.at, "not on disk, and not fetched")], body: p.detail,
    help: p.help ?? "check the name and the connection, or give a directory: `pretrained(\"./dir\")`",
  }), `
\`pretrained("org/name")\` is looked up in the local cache and then on the hub.
`),

  A0624: error("File cannot be read", (p: { at: Span; file: string; detail: string }) => ({
    labels: [here(p.at, `reading \`${p.file}\` failed`)], body: p.detail,
  }), `
The system refused to read the file.
`),

  A0625: warning("Adapter names another base", (p: { at: Span; found: string; base: string; baseSpan?: Span }) => ({
    labels: [here(p.at, `was trained on \`${p.found}\``), ...there(p.baseSpan, "used on this base")],
    body: `The shapes fit \`${p.base}\`, but another base of the same shape gives a quietly wrong model.`,
  }), `
The adapter's config names the base it was trained on, and it is not the one it is placed on.
`),

  A0626: error("This is not a directory", (p: { at: Span; path: string; detail?: string }) => ({
    labels: [here(p.at, "a file, not a directory")], body: p.detail,
    help: "name the directory that holds the file",
  }), `
A checkpoint is a directory: configs, tokenizer and tensors belong together.
`),

  A0628: error("Tensor is not of a known kind", (p: { at: Span; file: string; tensor: string; body: string; count: number }) => ({
    labels: [here(p.at, p.count > 1 ? `holds ${p.count} tensors no rule names` : "holds a tensor no rule names")],
    body: p.body, table: [[p.tensor]],
  }), `
The format of the directory says how names of tensors map to parameters; this one fits no rule.
`),

  A0629: warning("Tensors are ignored", (p: { at: Span; tensor: string; count: number; reason: string }) => ({
    labels: [here(p.at, p.count > 1 ? `${p.count} tensors are not used` : "a tensor is not used")],
    body: p.reason, table: [[p.tensor]],
  }), `
The library says that these tensors carry nothing the network needs.
`),

  A0640: error("Pickle holds more than tensors", (p: { at: Span; file: string; detail: string }) => ({
    labels: [here(p.at, `\`${p.file}\` is refused`)],
    body: sentence(p.detail),
    help: "load it where you trust it, and save its tensors as safetensors",
  }), `
A pickle is a program for a small machine, and reading one in Python can run any code. Adapt's machine knows the instructions that build a
dictionary of tensors, and stops at every other.
`),

  A0641: error("Archive cannot be read", (p: { at: Span; file: string; detail: string; tensor?: string }) => ({
    labels: [here(p.at, `\`${p.file}\` is damaged`)],
    body: sentence(p.tensor === undefined ? p.detail : `\`${p.tensor}\`: ${p.detail}`),
    help: "copy or download the file again",
  }), `
\`torch.save\` writes an archive with a pickle and one entry for each storage. Sizes and places in it are checked before anything is read by
them.
`),

  A0642: warning("Directory leaves its meaning open", (p: { at: Span; body: string; declared?: Span }) => ({
    labels: [here(p.at, "may be read in two ways"), ...there(p.declared, "read in this one")],
    body: p.body,
  }), `
The library that wrote the directory saves two things alike. Adapt says which of them it takes.
`),
};

function firstOf(count: number): string | undefined {
  return count > 1 ? `The first of ${count} tensors that disagree, all in the same way:` : undefined;
}
/** A clause as a sentence. */
const sentence = (clause: string): string => `${clause.charAt(0).toUpperCase()}${clause.slice(1).replace(/\.$/, "")}.`;
